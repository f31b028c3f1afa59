"""Reads on the event log how far ingestion has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog, LogError, TopicPartition
from segops_common.streams.sink_progress import SinkProgress

WAIT_S: Final = 30.0
_POLL_S: Final = 0.05
_SLOWEST_POLL_S: Final = 0.5
_AGE_TIMEOUT_S: Final = 2.0
_log = logging.getLogger(__name__)


class LogIngestWatermark:
    """See the port `IngestWatermark`. Waits at most `wait_s` until the sink has committed past the end of the log."""

    def __init__(self, *, log: EventLog, clock: Clock, wait_s: float = WAIT_S) -> None:
        self._progress = SinkProgress(log=log, clock=clock)
        self._clock = clock
        self._wait_s = wait_s

    async def wait_until_ingested(self) -> IngestLag | None:
        """See the port. The log is asked again until `wait_s` is over, also when it does not answer."""
        waiting = _Waiting()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._wait(waiting)
        except TimeoutError:
            lag = await self._lag(waiting.missing)
            _log.warning("computing without the newest events: %s", lag)
            return lag
        return None

    async def _wait(self, waiting: _Waiting) -> None:
        pause_s = _POLL_S
        while True:
            try:
                waiting.ends = await self._progress.ends() if waiting.ends is None else waiting.ends
                waiting.missing = await self._progress.missing(waiting.ends)
                if not waiting.missing:
                    return
            except LogError as error:
                _log.warning("the progress of ingestion cannot be read: %r", error)
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOWEST_POLL_S)

    async def _lag(self, missing: Mapping[TopicPartition, range] | None) -> IngestLag:
        if missing is None:
            return IngestLag(positions=None, seconds=None)
        positions = sum(map(len, missing.values()))
        try:
            async with asyncio.timeout(_AGE_TIMEOUT_S):
                return IngestLag(positions=positions, seconds=round(await self._progress.age_s(missing), 3))
        except (TimeoutError, LogError):
            return IngestLag(positions=positions, seconds=None)


class _Waiting:
    """What a wait has read so far: where the log ended at its start, and what was missing last; None: not read."""

    def __init__(self) -> None:
        self.ends: Mapping[TopicPartition, int] | None = None
        self.missing: Mapping[TopicPartition, range] | None = None
