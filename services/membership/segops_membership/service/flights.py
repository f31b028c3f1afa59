"""One piece of work for all who want its result at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, TypeVar

from segops_common.core.tasks import spawn

T = TypeVar("T")


class Flights(Generic[T]):
    """Joins callers with equal keys; a caller that goes away does not end the work for the others."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work already under way for the key, else of `work`; `work` is closed if not needed."""
        flying = self._flying.get(key)
        if flying is None:
            flying = spawn(work, name=f"lookup {key!r}")
            self._flying[key] = flying
            flying.add_done_callback(lambda _: self._flying.pop(key, None))
        else:
            work.close()
        return await asyncio.shield(flying)
