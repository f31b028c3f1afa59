"""The use case of ingestion on memory adapters."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from random import Random
from typing import Any

import orjson

from segops_common.contracts.topics import EVENTS, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.streams.log import Record
from segops_common.streams.memory import MemoryEventLog
from segops_ingest.adapters.memory.event_memory import MemoryEventMemory
from segops_ingest.adapters.memory.event_schemas import MemoryEventSchemas
from segops_ingest.ports.observer import Outcome
from segops_ingest.service.accept_events import Ingest


class StandingClock(SystemClock):
    """A clock that tests set."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class Tally:
    """Adds up the counts."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def received(self, outcome: Outcome) -> None:
        self.seen.update(asdict(outcome))

    def not_remembered(self, events: int) -> None:
        self.seen.update(not_remembered=events)


class IngestHarness:
    """The use case on memory adapters."""

    def __init__(self, now: datetime) -> None:
        self.clock = StandingClock(now)
        self.log = MemoryEventLog(clock=self.clock)
        self.memory = MemoryEventMemory()
        self.tally = Tally()
        self.schemas = MemoryEventSchemas()
        self.service = Ingest(
            observer=self.tally,
            schemas=self.schemas,
            log=self.log,
            memory=self.memory,
            ids=SystemIds(self.clock),
            clock=self.clock,
            random=Random(1),
        )

    async def records(self, topic: Topic = EVENTS) -> list[tuple[int, Record]]:
        return [(p, record) for p in range(topic.partitions) for record in await self.log.tail(topic, p, 1000)]

    async def rows(self, topic: Topic = EVENTS) -> list[dict[str, Any]]:
        return [orjson.loads(line) for _, record in await self.records(topic) for line in record.value.splitlines()]


def item(user: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "user_id": f"u{user}", "event_type": "e", **fields}
