"""Tenant leases with fencing numbers, table `membership.tenant_leases`."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_membership.adapters.postgres.sessions import single_statement
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken

# Only the database's clock decides when a lease expires: workers' clocks may differ.
_ACQUIRE: Final = sa.text("SELECT membership.acquire_lease(:tenant_id, :holder, :ttl)")
_RENEW: Final = sa.text("SELECT membership.renew_lease(:tenant_id, :fence, :ttl)")
_RELEASE: Final = sa.text("SELECT membership.release_lease(:tenant_id, :fence)")


class PostgresTenantLeases:
    """See the port `TenantLeases`."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:
        """See the port."""
        async with single_statement(self._engine) as session:
            fence = await session.scalar(_ACQUIRE, {"tenant_id": tenant_id, "holder": holder, "ttl": ttl})
        if fence is None:
            raise LeaseTaken(f"another worker holds the lease of tenant {tenant_id}")
        return int(fence)

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """See the port."""
        async with single_statement(self._engine) as session:
            renewed = await session.scalar(_RENEW, {"tenant_id": tenant_id, "fence": fence, "ttl": ttl})
        if renewed is None:
            raise LeaseLost(f"another worker has taken the lease of tenant {tenant_id}")

    async def release(self, tenant_id: int, fence: int) -> None:
        """See the port."""
        async with single_statement(self._engine) as session:
            await session.execute(_RELEASE, {"tenant_id": tenant_id, "fence": fence})
