"""The lease of a tenant, held while a block runs and renewed in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken, TenantLeases

_RENEWALS_PER_TTL: Final = 3
_RETRY_S: Final = 0.2
_MARGIN: Final = timedelta(seconds=1)


class Lease:
    """The right to work on a tenant; `fence` is greater than that of every lease before it."""

    def __init__(self, *, tenant_id: int, fence: int, held_until: float, clock: Clock) -> None:
        self.tenant_id = tenant_id
        self.fence = fence
        self.held_until = held_until
        self._clock = clock

    def check(self) -> None:
        """Raise LeaseLost when another worker may hold the lease by now, for example after this process was frozen."""
        if self._clock.monotonic() >= self.held_until:
            raise LeaseLost(f"the lease of tenant {self.tenant_id} has expired")

    def attempt(self, run_id: int) -> Attempt:
        """Return the attempt at a run that is made under this lease."""
        return Attempt(run_id, self.fence)


class LeaseHolder:
    """Takes leases for one worker process."""

    def __init__(self, *, leases: TenantLeases, holder: str, ttl: timedelta, clock: Clock) -> None:
        self._leases = leases
        self._holder = holder
        self._ttl = ttl
        self._clock = clock

    @asynccontextmanager
    async def hold(self, tenant_id: int, *, wait: timedelta | None = None) -> AsyncIterator[Lease]:
        """Acquire the lease and hold it while the block runs.

        Waits at most `wait`, by default as long as an abandoned lease takes to expire; then raises LeaseTaken.
        """
        lease = await self._acquire(tenant_id, self._ttl + _MARGIN if wait is None else wait)
        renewal = spawn(self._renew(lease), name=f"lease of tenant {tenant_id}")
        try:
            yield lease
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
            with suppress(EngineUnavailable):
                await self._leases.release(tenant_id, lease.fence)

    async def _acquire(self, tenant_id: int, wait: timedelta) -> Lease:
        deadline = self._clock.monotonic() + wait.total_seconds()
        while True:
            # Counted from before the request, so that the lease expires here no later than in the store.
            requested_at = self._clock.monotonic()
            try:
                fence = await self._leases.acquire(tenant_id, self._holder, self._ttl)
            except LeaseTaken:
                if requested_at >= deadline:
                    raise
                await self._clock.sleep(_RETRY_S)
                continue
            held_until = requested_at + self._ttl.total_seconds()
            return Lease(tenant_id=tenant_id, fence=fence, held_until=held_until, clock=self._clock)

    async def _renew(self, lease: Lease) -> None:
        while True:
            await self._clock.sleep(self._ttl.total_seconds() / _RENEWALS_PER_TTL)
            requested_at = self._clock.monotonic()
            try:
                await self._leases.renew(lease.tenant_id, lease.fence, self._ttl)
            except LeaseLost:
                lease.held_until = float("-inf")
                return
            except EngineUnavailable:
                continue
            lease.held_until = requested_at + self._ttl.total_seconds()
