"""Reads on the event log how far the warehouse is behind now."""

from __future__ import annotations

import asyncio
from typing import Final

from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog, LogError
from segops_common.streams.sink_progress import SinkProgress

_TIMEOUT_S: Final = 3.0


class LogIngestProgress:
    """See the port `IngestProgress`."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._progress = SinkProgress(log=log, clock=clock)

    async def lag(self) -> IngestLag:
        """See the port."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                missing = await self._progress.missing(await self._progress.ends())
                age_s = await self._progress.age_s(missing)
        except (TimeoutError, LogError):
            return IngestLag(positions=None, seconds=None)
        return IngestLag(positions=sum(map(len, missing.values())), seconds=round(age_s, 3))
