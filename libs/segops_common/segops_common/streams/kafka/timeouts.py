"""Bounds that aiokafka lacks: on how long a request takes, and on how long a stop does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError

from segops_common.core.tasks import spawn
from segops_common.streams.log import LogUnavailable

_STOP_S = 5.0
_CLOSE_S = 1.0


@asynccontextmanager
async def translated(*, within_s: float) -> AsyncIterator[None]:
    """Bound the body's time, and turn the driver's failures into `LogUnavailable`."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise LogUnavailable(f"the event log does not answer: {error!r}") from error


async def stop_bounded(
    stop: Callable[[], Coroutine[Any, Any, None]], close: Callable[[], Coroutine[Any, Any, None]]
) -> bool:
    """Stop within 5 s, else close the connections under it; True when it stopped in good order.

    Each runs as a task of its own: aiokafka's may wait for a dead broker, and may end cancelled by themselves.
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
