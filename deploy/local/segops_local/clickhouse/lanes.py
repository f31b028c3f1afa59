"""A bounded number of threads, each serving one query at a time; further queries queue in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Lane:
    """One thread."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking work on the thread. A cancelled caller still waits, so that no handle closes under a call."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise


class Lanes:
    """The pool."""

    def __init__(self, size: int) -> None:
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        self._size = size
        for number in range(size):
            self._free.put_nowait(Lane(f"query-{number}"))

    @property
    def idle(self) -> bool:
        """Whether no query is running."""
        return self._free.qsize() == self._size

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """A lane of one's own, first come first served."""
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._free.put_nowait(lane)
