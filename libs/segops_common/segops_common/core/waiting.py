"""Waiting that always ends.

`asyncio.wait_for` of Python 3.11 returns a result that came together with a cancellation and swallows the cancellation;
redis-py uses it in every command. So one `cancel()` is not enough to end a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

_CANCEL_AGAIN_S = 0.2


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def end(tasks: Collection[asyncio.Task[Any]], *, within_s: float) -> None:
    """Cancel the tasks until they are done, or the time is over."""
    deadline = asyncio.get_running_loop().time() + within_s
    while any(not task.done() for task in tasks) and asyncio.get_running_loop().time() < deadline:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCEL_AGAIN_S)
