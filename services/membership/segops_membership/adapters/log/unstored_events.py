"""Reads the events that are in the log and not in the warehouse yet, by the positions of the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import orjson

from segops_common.contracts.topics import EVENT_IMPORTS, SINKS, Topic, profile_key
from segops_common.contracts.warehouse import version_of
from segops_common.streams.log import EventLog, LogError, Record, partition_of
from segops_membership.adapters.log.stored_form import stored_event
from segops_membership.adapters.log.tenant_tail import TenantTail
from segops_membership.ports.events import AcceptedEvent, UnstoredTail, UnstoredUnavailable

TIMEOUT_S: Final = 2.0


class LogUnstoredEvents:
    """See the port `UnstoredEvents`. Reads the partition of the profile, or all, from what the sink has committed to the end.

    The sink commits a position after the insert of everything before it. So whoever reads the warehouse after this call
    misses nothing.
    """

    def __init__(self, *, log: EventLog, timeout_s: float = TIMEOUT_S) -> None:
        self._log = log
        self._timeout_s = timeout_s

    async def read(self, tenant_id: int, profile_id: str) -> Sequence[AcceptedEvent]:
        """See the port."""
        events: list[AcceptedEvent] = []

        def add(record: Record, topic: Topic) -> None:
            events.extend(_events_of(record, topic, tenant_id, profile_id))

        key = profile_key(tenant_id, profile_id)
        await self._read_tails(lambda topic: [partition_of(topic, key)], add)
        return events

    async def read_all(self, tenant_id: int) -> UnstoredTail:
        """See the port. Lines are parsed as a whole only for the profiles whose events are read."""
        tail = TenantTail(tenant_id)
        await self._read_tails(lambda topic: range(topic.partitions), tail.add)
        return UnstoredTail(tail.events_of, tail.facts())

    async def _read_tails(
        self, partitions: Callable[[Topic], Iterable[int]], add: Callable[[Record, Topic], None]
    ) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.gather(*(self._read(group, topic, partitions(topic), add) for group, topic in SINKS))
        except TimeoutError as error:
            raise UnstoredUnavailable(f"the event log was not read within {self._timeout_s:g} s") from error
        except LogError as error:
            raise UnstoredUnavailable("the event log does not respond") from error

    async def _read(
        self, group: str, topic: Topic, partitions: Iterable[int], add: Callable[[Record, Topic], None]
    ) -> None:
        positions, ends = await asyncio.gather(self._log.positions(group, topic), self._log.ends(topic))
        for partition in partitions:
            start, end = positions.get(partition, 0), ends[partition]
            if start < end:
                await self._read_partition(topic, partition, start, end, add)

    async def _read_partition(
        self, topic: Topic, partition: int, start: int, end: int, add: Callable[[Record, Topic], None]
    ) -> None:
        async with self._log.follow(topic, partition, start) as batches:
            async for records in batches:
                for record in records:
                    add(record, topic)
                if records[-1].offset >= end - 1:
                    break


def _events_of(record: Record, topic: Topic, tenant_id: int, profile_id: str) -> Iterator[AcceptedEvent]:
    """Yield the profile's events of a record; the id as JSON is sought first, because parsing takes much longer."""
    needle = orjson.dumps(profile_id)
    if needle not in record.value:
        return
    version = version_of(record.offset, is_import=topic == EVENT_IMPORTS)
    for line in record.value.split(b"\n"):
        parsed = stored_event(line) if needle in line else None
        if parsed is not None and parsed[0] == tenant_id and parsed[1].profile_id == profile_id:
            yield AcceptedEvent(parsed[1], version)
