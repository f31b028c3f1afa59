"""Reads how far the sink has moved the events of the log into the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from segops_common.contracts.topics import EVENTS, SINK_GROUP
from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog


class SinkProgress:
    """Compares what was acknowledged with what is stored. Every method raises `LogError`.

    The sink commits a position after the insert of everything before it, so a committed record can be read in the
    warehouse.
    """

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def ends(self) -> Mapping[int, int]:
        """Return where each partition ends: every event acknowledged before the call is before these ends."""
        return await self._log.ends(EVENTS)

    async def missing(self, ends: Mapping[int, int]) -> Mapping[int, range]:
        """Return the records before these ends that are not stored yet, by partition; empty when there are none."""
        positions = await self._log.positions(SINK_GROUP, EVENTS)
        parts = {partition: range(positions.get(partition, 0), end) for partition, end in ends.items()}
        return {partition: part for partition, part in parts.items() if part}

    async def age_s(self, missing: Mapping[int, range]) -> float:
        """Return the age in seconds of the oldest of these records; 0 when there are none."""
        records = await asyncio.gather(
            *(self._log.first_at(EVENTS, partition, part.start) for partition, part in missing.items())
        )
        now = self._clock.now().timestamp()
        return max((now - record.timestamp_ms / 1000 for record in records if record is not None), default=0.0)
