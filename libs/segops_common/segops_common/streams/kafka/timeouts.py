"""Stop aiokafka clients within a bounded time, which aiokafka itself does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from segops_common.core.tasks import spawn

_STOP_S = 5.0
_CLOSE_S = 1.0


async def stop_bounded(
    stop: Callable[[], Coroutine[Any, Any, None]], close: Callable[[], Coroutine[Any, Any, None]]
) -> bool:
    """Stop within 5 s, else close the connections. Return whether it stopped in good order.

    Each step runs as a task of its own: aiokafka may wait for a dead broker, or cancel the task that stops it.
    """
    if await _ends(stop(), _STOP_S):
        return True
    await _ends(close(), _CLOSE_S)
    return False


async def _ends(work: Coroutine[Any, Any, None], within_s: float) -> bool:
    task = spawn(work, name="kafka client stop")
    await asyncio.wait([task], timeout=within_s)
    if task.done():
        return not task.cancelled() and task.exception() is None
    task.cancel()
    return False
