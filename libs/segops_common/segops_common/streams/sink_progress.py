"""Reads how far the sink has moved the events of the log into the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from segops_common.contracts.topics import SINKS
from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog, TopicPartition


class SinkProgress:
    """Compares what was acknowledged with what is stored. Every method raises `LogError`.

    The sink commits a position after the insert of everything before it, so a committed record can be read in the
    warehouse.
    """

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Return where each partition ends: every event acknowledged before the call is before these ends."""
        parts = await asyncio.gather(*(self._log.ends(topic) for _, topic in SINKS))
        return {
            TopicPartition(topic.name, partition): end
            for (_, topic), ends in zip(SINKS, parts, strict=True)
            for partition, end in ends.items()
        }

    async def missing(self, ends: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, range]:
        """Return the records before these ends that are not stored yet, by partition; empty when there are none."""
        positions = await self._positions()
        parts = {source: range(positions.get(source, 0), end) for source, end in ends.items()}
        return {source: part for source, part in parts.items() if part}

    async def _positions(self) -> Mapping[TopicPartition, int]:
        parts = await asyncio.gather(*(self._log.positions(group, topic) for group, topic in SINKS))
        return {
            TopicPartition(topic.name, partition): position
            for (_, topic), positions in zip(SINKS, parts, strict=True)
            for partition, position in positions.items()
        }

    async def age_s(self, missing: Mapping[TopicPartition, range]) -> float:
        """Return the age in seconds of the oldest of these records; 0 when there are none."""
        topics = {topic.name: topic for _, topic in SINKS}
        records = await asyncio.gather(
            *(
                self._log.first_at(topics[source.topic], source.partition, part.start)
                for source, part in missing.items()
            )
        )
        now = self._clock.now().timestamp()
        return max((now - record.timestamp_ms / 1000 for record in records if record is not None), default=0.0)
