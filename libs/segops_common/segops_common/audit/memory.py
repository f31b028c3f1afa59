"""An audit log in memory."""

from __future__ import annotations

from collections.abc import Mapping

from segops_common.audit.trail import AuditUnavailable
from segops_common.contracts.http import ForeignAction


class MemoryAuditTrail:
    """See the port `AuditTrail`. Set `reachable` to False for an outage."""

    def __init__(self) -> None:
        self.reachable = True
        self.entries: list[tuple[int, int | None, str, str, Mapping[str, str]]] = []

    async def record(
        self, tenant_id: int, *, actor_id: int | None, action: ForeignAction, target: str, details: Mapping[str, str]
    ) -> None:
        """See the port."""
        if not self.reachable:
            raise AuditUnavailable("unreachable")
        self.entries.append((tenant_id, actor_id, action, target, details))
