"""Call coalescing: concurrent callers with equal keys share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, TypeVar

from segops_common.core.tasks import spawn

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one call a key at a time. A caller that is cancelled does not cancel the call for the others."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, call: Coroutine[Any, Any, T]) -> T:
        """Return the result of the call in progress for the key, else of `call`. A `call` not needed is closed."""
        task = self._calls.get(key)
        if task is None:
            task = spawn(call, name=f"lookup {key!r}")
            self._calls[key] = task
            task.add_done_callback(lambda _: self._calls.pop(key, None))
        else:
            call.close()
        return await asyncio.shield(task)
