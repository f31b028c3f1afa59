"""Reads on the event log how far ingestion has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from segops_common.contracts.topics import EVENTS, SINK_GROUP
from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog, LogError

WAIT_S: Final = 5.0
_POLL_S: Final = 0.05
_log = logging.getLogger(__name__)


class LogIngestWatermark:
    """See the port `IngestWatermark`. Waits until the sink has committed past the current end of the log."""

    def __init__(self, *, log: EventLog, clock: Clock, wait_s: float = WAIT_S) -> None:
        self._log = log
        self._clock = clock
        self._wait_s = wait_s

    async def wait_until_ingested(self) -> None:
        """See the port."""
        try:
            async with asyncio.timeout(self._wait_s):
                ends = await self._log.ends(EVENTS)
                while not await self._is_ingested(ends):
                    await self._clock.sleep(_POLL_S)
        except (TimeoutError, LogError) as error:
            _log.warning("computing without the newest events: %r", error)

    async def _is_ingested(self, ends: Mapping[int, int]) -> bool:
        positions = await self._log.positions(SINK_GROUP, EVENTS)
        return all(positions.get(partition, 0) >= end for partition, end in ends.items())
