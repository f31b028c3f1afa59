"""Bound a call to the event log's engine, and translate its driver's errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from segops_common.streams.log import LogUnavailable


@asynccontextmanager
async def answering(within_s: float, driver_error: type[Exception]) -> AsyncIterator[None]:
    """Raise `LogUnavailable` when the body takes longer than `within_s` or fails with an error of driver or network."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except (driver_error, OSError, TimeoutError) as error:
        raise LogUnavailable(f"the event log does not respond: {error!r}") from error
