"""Harness protocol, handlers and helpers for tests of event logs and consumers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from segops_common.contracts.topics import Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS, FaultPoints
from segops_common.streams.log import (
    EventLog,
    LogConsumer,
    Message,
    Record,
    TopicPartition,
)
from segops_common.streams.loop.consumer import (
    BadRecord,
    BadRecords,
    Batch,
    ConsumerLoop,
    DataError,
    Limits,
    SilentObserver,
)
from segops_common.streams.loop.dead_letter_topic import (
    DeadLetterTopic,
)

REFUSAL_S = 20.0
"""Four times the deadline of an append, for slow machines. The own time-out of aiokafka is 40 s."""
CLOSE_S = 7.0


class LogHarness(Protocol):
    """An engine of its own, and connections to it that can be disturbed."""

    takeover_s: float
    """How long a group may take to detect a lost member and move its partitions."""

    async def connect(self) -> EventLog:
        """Return another client with its own connection, which the harness closes."""
        ...

    def isolate(self, log: EventLog) -> None:
        """Block everything from and to this client."""
        ...

    def reunite(self, log: EventLog) -> None:
        """Unblock the client."""
        ...

    async def trim(self, topic: Topic, partition: int, before: int) -> None:
        """Drop the records before an offset, as the engine does when they are old."""
        ...

    async def kill_engine(self) -> None:
        """Kill the engine."""
        ...

    async def start_engine(self) -> None:
        """Start the engine again on its stored data."""
        ...


class NetworkHarness(LogHarness, Protocol):
    """A harness whose engine is another process."""

    def lose_answer_to(self, log: EventLog, marker: bytes) -> Callable[[], int]:
        """Deliver the next request with the marker and drop its response. The returned function counts the drops."""
        ...


class Crashed(Exception):
    """Simulates the end of the process at a fault point."""


class CrashOnce:
    """Ends the loop the first time that one fault point is reached."""

    def __init__(self, name: str) -> None:
        self._name: str | None = name

    def reach(self, name: str) -> None:
        """See `FaultPoints`."""
        if name == self._name:
            self._name = None
            raise Crashed(name)


class Collector:
    """A handler that records its batches and refuses some values."""

    def __init__(self, *, bad: frozenset[bytes] = frozenset(), names_bad_records: bool = True) -> None:
        self.batches: list[Batch] = []
        self._bad = bad
        self._names_bad_records = names_bad_records

    @property
    def values(self) -> list[bytes]:
        """Every handled value, in order."""
        return [record.value for batch in self.batches for record in batch.records]

    async def handle(self, batch: Batch) -> None:
        """See `BatchHandler`."""
        bad = [record for record in batch.records if record.value in self._bad]
        if bad and self._names_bad_records:
            raise BadRecords([BadRecord(record.offset, "unreadable", "not what was expected") for record in bad])
        if bad:
            raise DataError("refused", "the store names no record")
        self.batches.append(batch)


def new_topic(partitions: int = 3) -> Topic:
    """Return a topic that no other test uses."""
    return Topic(f"test.{uuid.uuid4().hex[:12]}", partitions)


async def read(consumer: LogConsumer, count: int, within_s: float = 20.0) -> dict[int, list[Record]]:
    """Read that many records, and return them by partition."""
    records: dict[int, list[Record]] = defaultdict(list)
    deadline = time.monotonic() + within_s
    while sum(map(len, records.values())) < count:
        assert time.monotonic() < deadline, f"only {sum(map(len, records.values()))} of {count} records arrived"
        for fetched in await consumer.poll(max_records=1000, max_bytes=1 << 20, wait_s=0.2):
            records[fetched.source.partition] += fetched.records
    return records


async def fill(log: EventLog, topic: Topic, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Append the values to one partition, in order."""
    await log.ensure_topics([topic, topic.dead])
    await log.append_many(topic, [Message(key=b"k", value=value, partition=partition) for value in values])


def numbers(start: int, end: int) -> list[bytes]:
    """Return distinct values."""
    return [b"value-%d" % number for number in range(start, end)]


@asynccontextmanager
async def running(
    log: EventLog,
    topic: Topic,
    handler: Collector,
    *,
    faults: FaultPoints = NO_FAULTS,
    limits: Limits | None = None,
    observer: SilentObserver | None = None,
) -> AsyncIterator[ConsumerLoop]:
    """Run a loop that records intents, and stop it at the end. A crash in it is not an error here."""
    loop = ConsumerLoop(
        log=log,
        group="loop",
        topic=topic,
        handler=handler,
        dead_letters=DeadLetterTopic(log=log),
        faults=faults,
        clock=SystemClock(),
        limits=limits or Limits(max_age_s=0.05, drain_s=2.0, retry_most_s=0.5),
        record_intent=True,
        observer=observer,
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_until_crash(loop, stop))
        try:
            yield loop
        finally:
            stop.set()


async def _until_crash(loop: ConsumerLoop, stop: asyncio.Event) -> None:
    try:
        await loop.run(stop)
    except Crashed:
        await stop.wait()


class CountingReplays(SilentObserver):
    """Records the partitions that had a batch repeated."""

    def __init__(self) -> None:
        self.replays: list[TopicPartition] = []

    def replayed(self, source: TopicPartition) -> None:
        """See `LoopObserver`."""
        self.replays.append(source)
