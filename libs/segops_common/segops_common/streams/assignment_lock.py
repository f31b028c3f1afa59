"""The lock that keeps a partition from being given away under a batch in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class AssignmentLock:
    """Shared by batches, exclusive for rebalances; a waiting rebalance keeps new batches out.

    Without it a member that lost and regained a partition could commit backwards: the log checks who may commit,
    not which assignment the batch came from.
    """

    __slots__ = ("_changed", "_exclusive", "_holders", "_waiting")

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._exclusive = False
        self._waiting = 0
        self._holders: dict[asyncio.Timeout, float] = {}

    @property
    def wanted(self) -> bool:
        """Whether a rebalance holds the lock or waits for it."""
        return self._exclusive or self._waiting > 0

    @asynccontextmanager
    async def shared(self, *, give_up_s: float) -> AsyncIterator[None]:
        """Hold the assignment still for one batch.

        Raises TimeoutError, cancelling the body, when a rebalance has waited for `give_up_s`.
        """
        await self._until(lambda: not self.wanted)
        async with asyncio.timeout(None) as patience:
            self._holders[patience] = give_up_s
            try:
                yield
            finally:
                del self._holders[patience]
                self._wake()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Wait for the batches in flight to end, then keep new ones out."""
        self._waiting += 1
        try:
            self._limit_patience()
            await self._until(lambda: not self._exclusive and not self._holders)
            self._exclusive = True
        finally:
            self._waiting -= 1
            self._limit_patience()
            self._wake()
        try:
            yield
        finally:
            self._exclusive = False
            self._wake()

    def _limit_patience(self) -> None:
        """Start the clock of every holder while somebody waits, stop it when nobody does."""
        now = asyncio.get_running_loop().time()
        for patience, give_up_s in self._holders.items():
            if patience.expired():
                continue
            if not self._waiting:
                patience.reschedule(None)
            elif patience.when() is None:
                patience.reschedule(now + give_up_s)

    async def _until(self, free: Callable[[], bool]) -> None:
        while not free():
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
