"""Tenant leases in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from segops_common.core.clock import Clock
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken


@dataclass(slots=True)
class _Row:
    fence: int
    expires_at: float


class MemoryTenantLeases:
    """See the port `TenantLeases`. The clock decides when a lease expires."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, _Row] = {}

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:  # noqa: ARG002 stored for operators only
        """See the port."""
        row = self._rows.setdefault(tenant_id, _Row(0, float("-inf")))
        if row.expires_at > self._clock.monotonic():
            raise LeaseTaken(f"another worker holds the lease of tenant {tenant_id}")
        row.fence += 1
        row.expires_at = self._clock.monotonic() + ttl.total_seconds()
        return row.fence

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """See the port."""
        if not self.is_newest(tenant_id, fence):
            raise LeaseLost(f"another worker has taken the lease of tenant {tenant_id}")
        self._rows[tenant_id].expires_at = self._clock.monotonic() + ttl.total_seconds()

    async def release(self, tenant_id: int, fence: int) -> None:
        """See the port."""
        if self.is_newest(tenant_id, fence):
            self._rows[tenant_id].expires_at = self._clock.monotonic()

    def is_held(self, tenant_id: int) -> bool:
        """Return whether the lease has not expired."""
        row = self._rows.get(tenant_id)
        return row is not None and row.expires_at > self._clock.monotonic()

    def is_newest(self, tenant_id: int, fence: int) -> bool:
        """Return whether no lease of the tenant was granted after this one."""
        row = self._rows.get(tenant_id)
        return row is not None and row.fence == fence
