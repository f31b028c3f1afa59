"""Bounded waiting, and ending tasks reliably.

If a result arrives together with a cancellation, `asyncio.wait_for` of Python 3.11 returns the result and drops the
cancellation. redis-py uses it in every command, so one `cancel()` may not end a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

_CANCEL_AGAIN_S = 0.2


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set or the time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def check_cancelled() -> None:
    """Raise CancelledError if the running task was cancelled and goes on, because the cancellation was dropped."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(tasks: Collection[asyncio.Task[Any]], *, within_s: float) -> None:
    """Cancel the tasks again and again until they are done or the time is up."""
    deadline = asyncio.get_running_loop().time() + within_s
    while any(not task.done() for task in tasks) and asyncio.get_running_loop().time() < deadline:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCEL_AGAIN_S)
