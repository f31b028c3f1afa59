"""Who may work on a tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class LeaseLost(Exception):
    """Another worker holds the tenant's lease, or may hold it: nothing prepared under the old lease may be published."""


class LeaseTaken(Exception):
    """Another worker holds the tenant's lease; retry after it may have expired."""


class TenantLeases(Protocol):
    """Grants one lease a tenant. The store's clock decides when a lease expires, because workers' clocks differ."""

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:
        """Take the lease and return its fencing number, greater than that of every lease before.

        Raises LeaseTaken; never waits for the holder.
        """
        ...

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """Let the lease expire `ttl` from now. Raises LeaseLost when another has been granted."""
        ...

    async def release(self, tenant_id: int, fence: int) -> None:
        """Let the lease expire now. Has no effect on another holder's lease."""
        ...
