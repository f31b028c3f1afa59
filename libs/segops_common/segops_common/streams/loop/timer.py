"""Repeating a use case at an interval."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.core.retry import full_jitter
from segops_common.core.waiting import wait_at_most
from segops_common.streams.log import LogUnavailable

_MAX_RETRY_DELAY_S: Final = 5.0
_log = logging.getLogger(__name__)


class Timer:
    """Calls `work` every `every_s` seconds; while an engine is unavailable, waits with growing delays instead."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a call that has begun is finished."""
        delays = full_jitter(cap_s=_MAX_RETRY_DELAY_S)
        while not stop.is_set():
            pause_s = self._every_s
            try:
                await self._work()
                delays = full_jitter(cap_s=_MAX_RETRY_DELAY_S)
            except (Unavailable, LogUnavailable) as error:
                pause_s = max(self._every_s, next(delays))
                _log.warning("%s: retrying in %.1f s: %s", self._name, pause_s, error)
            await wait_at_most(stop, pause_s)
