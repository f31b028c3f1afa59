"""The lease of a tenant: held while a block runs, renewed beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.ports import LeaseLost, LeaseTaken, Ledger, Outage

_RENEWALS_IN_A_LIFE: Final = 3
_LOOK_AGAIN_S: Final = 0.2
_MARGIN: Final = timedelta(seconds=1)


class Lease:
    """A right to work on a tenant; `fence` is greater than that of every lease before it."""

    def __init__(self, *, tenant_id: int, fence: int, held_until: float, clock: Clock) -> None:
        self.tenant_id = tenant_id
        self.fence = fence
        self.held_until = held_until
        self._clock = clock

    def check(self) -> None:
        """Raises LeaseLost when somebody else may have it by now, for instance after the process was frozen."""
        if self._clock.monotonic() >= self.held_until:
            raise LeaseLost(f"the lease of tenant {self.tenant_id} has lapsed")


class Leases:
    """Takes leases in the name of one worker process."""

    def __init__(self, *, ledger: Ledger, holder: str, ttl: timedelta, clock: Clock) -> None:
        self._ledger = ledger
        self._holder = holder
        self._ttl = ttl
        self._clock = clock

    @asynccontextmanager
    async def hold(self, tenant_id: int, *, wait: timedelta | None = None) -> AsyncIterator[Lease]:
        """Wait for the lease, then hold it for the block; without `wait` for the time an abandoned one takes to lapse.

        Raises LeaseTaken.
        """
        lease = await self._acquire(tenant_id, self._ttl + _MARGIN if wait is None else wait)
        renewal = spawn(self._keep(lease), name=f"lease of tenant {tenant_id}")
        try:
            yield lease
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
            with suppress(Outage):
                await self._ledger.release(tenant_id, lease.fence)

    async def _acquire(self, tenant_id: int, wait: timedelta) -> Lease:
        deadline = self._clock.monotonic() + wait.total_seconds()
        while True:
            # The life is counted from before the request, so that it ends here no later than in the ledger.
            asked_at = self._clock.monotonic()
            try:
                fence = await self._ledger.acquire(tenant_id, self._holder, self._ttl)
            except LeaseTaken:
                if asked_at >= deadline:
                    raise
                await self._clock.sleep(_LOOK_AGAIN_S)
                continue
            held_until = asked_at + self._ttl.total_seconds()
            return Lease(tenant_id=tenant_id, fence=fence, held_until=held_until, clock=self._clock)

    async def _keep(self, lease: Lease) -> None:
        while True:
            await self._clock.sleep(self._ttl.total_seconds() / _RENEWALS_IN_A_LIFE)
            asked_at = self._clock.monotonic()
            try:
                await self._ledger.renew(lease.tenant_id, lease.fence, self._ttl)
            except LeaseLost:
                lease.held_until = float("-inf")
                return
            except Outage:
                continue
            lease.held_until = asked_at + self._ttl.total_seconds()
