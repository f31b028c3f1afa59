"""Sharing work among callers that come at once, without giving any of them an answer older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from segops_common.core.problems import Problem
from segops_common.core.tasks import spawn

T = TypeVar("T")


class JoinedCalls(Generic[T]):
    """Of the calls with one key, one runs; all that come meanwhile share the next, which begins after they came.

    So a storm on one thing costs two calls at a time. A caller that goes away takes nothing from the others.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Task[T | Problem]] = {}
        self._running: dict[Hashable, asyncio.Task[T | Problem]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of a call of `work` that began after this one did; raises what it raised."""
        task = self._waiting.get(key)
        if task is None:
            task = spawn(self._next(key, work, self._running.get(key)), name="joined call")
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
