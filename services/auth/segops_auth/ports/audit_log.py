"""The audit log of each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segops_auth.domain.audit_log import AuditEvent
from segops_auth.domain.values import AuditEntry


class AuditLogReads(Protocol):
    """Reads audit logs."""

    async def audit_log(self, tenant_id: int, before: int, limit: int) -> Sequence[AuditEntry]:
        """Return at most `limit` entries with a number below `before`, newest first."""
        ...


class AuditLogWrites(Protocol):
    """Appends to audit logs."""

    async def record(self, tenant_id: int, event: AuditEvent) -> None:
        """Append the event to the tenant's audit log. The tenant must be locked by this unit."""
        ...
