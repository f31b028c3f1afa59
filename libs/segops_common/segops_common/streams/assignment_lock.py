"""The lock that keeps a partition assigned while one of its batches runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class AssignmentLock:
    """Shared by batches, exclusive for rebalances. A waiting rebalance keeps new batches out.

    Without it, a member that lost and regained a partition could commit backwards: the log checks who commits, not
    under which assignment the batch was read.
    """

    __slots__ = ("_changed", "_exclusive", "_holders", "_waiting")

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._exclusive = False
        self._waiting = 0
        self._holders: dict[asyncio.Timeout, float] = {}

    @property
    def is_contended(self) -> bool:
        """Whether a rebalance holds the lock or waits for it."""
        return self._exclusive or self._waiting > 0

    @asynccontextmanager
    async def shared(self, *, give_up_s: float) -> AsyncIterator[None]:
        """Prevent a rebalance during the body.

        Raises TimeoutError, and cancels the body, when a rebalance has waited for `give_up_s`.
        """
        await self._until(lambda: not self.is_contended)
        async with asyncio.timeout(None) as time_out:
            self._holders[time_out] = give_up_s
            try:
                yield
            finally:
                del self._holders[time_out]
                self._wake()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Wait for running batches to end, and keep new ones out during the body."""
        self._waiting += 1
        try:
            self._limit_holders()
            await self._until(lambda: not self._exclusive and not self._holders)
            self._exclusive = True
        finally:
            self._waiting -= 1
            self._limit_holders()
            self._wake()
        try:
            yield
        finally:
            self._exclusive = False
            self._wake()

    def _limit_holders(self) -> None:
        """Start every holder's time-out while a rebalance waits, and cancel it when none does."""
        now = asyncio.get_running_loop().time()
        for time_out, give_up_s in self._holders.items():
            if time_out.expired():
                continue
            if not self._waiting:
                time_out.reschedule(None)
            elif time_out.when() is None:
                time_out.reschedule(now + give_up_s)

    async def _until(self, free: Callable[[], bool]) -> None:
        while not free():
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
