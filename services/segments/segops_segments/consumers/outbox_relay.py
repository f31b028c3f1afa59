"""The outbox worker: relays what is waiting, requests the runs of every hour, and looks for runs that went silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from segops_common.core.problems import Unavailable
from segops_common.core.retry import full_jitter
from segops_common.streams.log import LogUnavailable
from segops_segments.service.outbox_relay import OutboxRelay
from segops_segments.service.request_runs import RunService

POLL_S: Final = 0.2
SWEEP_EVERY_S: Final = 30.0
REFRESH_EVERY_S: Final = 5.0
_log = logging.getLogger(__name__)


class OutboxWorker:
    """Three loops: a slow sweep or refresh never delays a message."""

    def __init__(self, *, relay: OutboxRelay, runs: RunService, sweep_every_s: float = SWEEP_EVERY_S) -> None:
        self._relay = relay
        self._runs = runs
        self._sweep_every_s = sweep_every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, through every outage of the database and of the log."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(stop, self._drain, POLL_S))
            group.create_task(self._repeat(stop, self._sweep, self._sweep_every_s))
            group.create_task(self._repeat(stop, self._refresh, REFRESH_EVERY_S))

    async def _drain(self) -> None:
        while await self._relay.relay():
            pass

    async def _sweep(self) -> None:
        silent = await self._runs.sweep()
        if silent:
            _log.warning("%d runs went silent and were announced again or given up", silent)
        await self._relay.forget()

    async def _refresh(self) -> None:
        requested = await self._runs.refresh()
        if requested:
            _log.info("%d segments are computed again, as every hour", requested)

    async def _repeat(self, stop: asyncio.Event, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        delays = full_jitter(cap_s=5.0)
        while not stop.is_set():
            pause = every_s
            try:
                await work()
                delays = full_jitter(cap_s=5.0)
            except (Unavailable, LogUnavailable) as error:
                pause = max(every_s, next(delays))
                _log.warning("outbox waits %.1f s: %s", pause, error)
            await _pause(stop, pause)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
