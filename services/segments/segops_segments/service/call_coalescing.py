"""Call coalescing: concurrent calls with one key share their work, and no caller gets a result older than its call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from segops_common.core.problems import Problem
from segops_common.core.tasks import spawn

T = TypeVar("T")


class CallCoalescer(Generic[T]):
    """Runs one call for each key at a time; calls that arrive while it runs share the next one.

    The next one begins after they arrived. However many callers there are, a key has at most one call that runs and one
    that waits. A cancelled caller does not affect the others.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Task[T | Problem]] = {}
        self._running: dict[Hashable, asyncio.Task[T | Problem]] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a call of `work` that began after this call. Raises the Problem that it raised."""
        task = self._waiting.get(key)
        if task is None:
            task = spawn(self._next(key, work, self._running.get(key)), name="coalesced call")
            self._waiting[key] = task
        outcome = await asyncio.shield(task)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def _next(
        self, key: Hashable, work: Callable[[], Awaitable[T]], before: asyncio.Task[T | Problem] | None
    ) -> T | Problem:
        if before is not None:
            await asyncio.wait([before])
        task = self._waiting.pop(key)
        self._running[key] = task
        try:
            return await work()
        except Problem as problem:
            return problem
        finally:
            if self._running.get(key) is task:
                del self._running[key]
