"""The audit log of each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segops_auth.domain.audit_log import EVERY_ENTRY, AuditEvent, AuditFilter, ChainHead
from segops_auth.domain.values import AuditEntry


class AuditLogReads(Protocol):
    """Reads audit logs."""

    async def audit_log(
        self, tenant_id: int, before: int, limit: int, *, offset: int = 0, only: AuditFilter = EVERY_ENTRY
    ) -> Sequence[AuditEntry]:
        """Return at most `limit` entries with a number below `before`, newest first. `offset` skips so many of them."""
        ...

    async def audit_count(self, tenant_id: int, only: AuditFilter) -> int:
        """Return the number of entries that the filter selects."""
        ...


class AuditLogReviews(Protocol):
    """Reads the audit logs of all tenants, to verify them."""

    async def audited_tenants(self, after: int, limit: int) -> Sequence[int]:
        """Return at most `limit` tenant ids greater than `after`, ascending."""
        ...

    async def audit_head(self, tenant_id: int) -> ChainHead:
        """Return number and hash of the newest entry, as the tenant remembers them."""
        ...

    async def audit_entries(self, tenant_id: int, after: int, limit: int) -> Sequence[AuditEntry]:
        """Return at most `limit` entries with a number greater than `after`, oldest first."""
        ...


class AuditLogWrites(Protocol):
    """Appends to audit logs."""

    async def record(self, tenant_id: int, event: AuditEvent) -> None:
        """Append the event to the tenant's audit log. The tenant must be locked by this unit."""
        ...
