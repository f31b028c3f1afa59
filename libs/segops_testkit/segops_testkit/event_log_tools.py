"""What the event log's contract is written with, and other tests of consumers may use."""

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

REFUSAL_S = 5.5
CLOSE_S = 7.0


class LogHarness(Protocol):
    """An engine of the suite's own, and lines to it that can be disturbed."""

    takeover_s: float
    """How long the group may take to notice that a member is gone and to move its partitions."""

    async def connect(self) -> EventLog:
        """Another client, with a line of its own; the harness closes it."""
        ...

    def isolate(self, log: EventLog) -> None:
        """Nothing of this client gets through any more."""
        ...

    def reunite(self, log: EventLog) -> None:
        """Its line works again."""
        ...

    async def kill_engine(self) -> None:
        """End the engine without warning."""
        ...

    async def start_engine(self) -> None:
        """Start it again on what it stored."""
        ...


class NetworkHarness(LogHarness, Protocol):
    """A harness whose engine is another process."""

    def lose_answer_to(self, log: EventLog, marker: bytes) -> Callable[[], int]:
        """The next request with the marker arrives, its answer does not; the result counts the losses so far."""
        ...


class Crashed(Exception):
    """Stands for the end of the process at a fault point."""


class CrashOnce:
    """Fault points of which one ends the loop, the first time it is reached."""

    def __init__(self, name: str) -> None:
        self._name: str | None = name

    def reach(self, name: str) -> None:
        """See `FaultPoints`."""
        if name == self._name:
            self._name = None
            raise Crashed(name)


class Collector:
    """A handler that keeps the batches it was given, and refuses values on request."""

    def __init__(self, *, bad: frozenset[bytes] = frozenset(), names_culprits: bool = True) -> None:
        self.batches: list[Batch] = []
        self._bad = bad
        self._names_culprits = names_culprits

    @property
    def values(self) -> list[bytes]:
        """Every value handled, in the order of handling."""
        return [record.value for batch in self.batches for record in batch.records]

    async def handle(self, batch: Batch) -> None:
        """See `BatchHandler`."""
        bad = [record for record in batch.records if record.value in self._bad]
        if bad and self._names_culprits:
            raise BadRecords([BadRecord(record.offset, "unreadable", "not what was expected") for record in bad])
        if bad:
            raise DataError("refused", "the store did not say which")
        self.batches.append(batch)


def new_topic(partitions: int = 3) -> Topic:
    """A topic no other test uses."""
    return Topic(f"test.{uuid.uuid4().hex[:12]}", partitions)


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for the condition; fails the test when it does not come."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def read(consumer: LogConsumer, count: int, within_s: float = 20.0) -> dict[int, list[Record]]:
    """So many records, by partition."""
    records: dict[int, list[Record]] = defaultdict(list)
    deadline = time.monotonic() + within_s
    while sum(map(len, records.values())) < count:
        assert time.monotonic() < deadline, f"only {sum(map(len, records.values()))} of {count} records came"
        for fetched in await consumer.poll(max_records=1000, max_bytes=1 << 20, wait_s=0.2):
            records[fetched.source.partition] += fetched.records
    return records


async def fill(log: EventLog, topic: Topic, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Append the values to one partition, in order."""
    await log.ensure_topics([topic, topic.dead])
    await log.append_many(topic, [Message(key=b"k", value=value, partition=partition) for value in values])


def numbers(start: int, end: int) -> list[bytes]:
    """Values that differ."""
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
    """A loop that records intents, stopped at the end; a crash in it is not an error here."""
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
    """Keeps which partitions had a batch repeated."""

    def __init__(self) -> None:
        self.replays: list[TopicPartition] = []

    def replayed(self, source: TopicPartition) -> None:
        """See `LoopObserver`."""
        self.replays.append(source)
