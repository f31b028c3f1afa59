"""Who may work on a tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class LeaseLost(Exception):
    """Another worker holds the tenant's lease, or may hold it: nothing prepared under the old lease may be published."""


class LeaseTaken(Exception):
    """Another worker holds the tenant's lease; retry after it may have expired."""


class TenantLeases(Protocol):
    """Grants one lease a tenant. Expiry is decided by the store's clock, not by those of workers."""

    async def acquire(self, tenant_id: int, holder: str, ttl: timedelta) -> int:
        """Take the lease and return its fencing number, greater than those of all leases before.

        Raises LeaseTaken; never waits for the holder.
        """
        ...

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        """Let the lease expire `ttl` from now. Raises LeaseLost when another has been granted."""
        ...

    async def release(self, tenant_id: int, fence: int) -> None:
        """Let the lease expire now. Has no effect on another holder's lease."""
        ...
