"""Batches, their handlers, what handlers may raise, and the limits of a consumer loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import xxhash

from segops_common.streams.log import LogError, Record, TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one partition.

    The whole range is committed. `records` lacks the ones that were put on the dead-letter topic.
    """

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    records: tuple[Record, ...]

    @property
    def source(self) -> TopicPartition:
        """The partition that the batch came from."""
        return TopicPartition(self.topic, self.partition)

    def token(self) -> str:
        """Return a text that is equal for equal records at the same offsets, and for nothing else.

        The hash covers the raw values: when a topic is made anew its offsets start again, and no token may repeat.
        """
        digest = xxhash.xxh3_64()
        for record in self.records:
            digest.update(len(record.value).to_bytes(8, "little"))
            digest.update(record.value)
        return f"{self.topic}:{self.partition}:{self.first_offset}-{self.last_offset}:{digest.hexdigest()}"

    def without(self, offsets: frozenset[int]) -> Batch:
        """Return the same range without the records at these offsets."""
        kept = tuple(record for record in self.records if record.offset not in offsets)
        return Batch(
            topic=self.topic,
            partition=self.partition,
            first_offset=self.first_offset,
            last_offset=self.last_offset,
            records=kept,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches that cover the range, cut at a place that depends on the records alone."""
        middle = len(self.records) // 2
        cut = self.records[middle].offset
        return (
            self._part(self.first_offset, cut - 1, self.records[:middle]),
            self._part(cut, self.last_offset, self.records[middle:]),
        )

    def _part(self, first: int, last: int, records: tuple[Record, ...]) -> Batch:
        return Batch(topic=self.topic, partition=self.partition, first_offset=first, last_offset=last, records=records)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be processed: a stable code, and a detail for people that does not echo the value."""

    offset: int
    code: str
    detail: str


class BadRecords(Exception):
    """Raised by a handler that knows which records are bad: they are put aside, then the rest is handled again.

    The handler must report the same records each time, so that a replay leaves the same rest.
    """

    def __init__(self, records: Sequence[BadRecord]) -> None:
        super().__init__(f"{len(records)} bad records")
        self.records = tuple(records)


class DataError(Exception):
    """Raised by a handler whose store refuses the data without naming a record: the batch is halved until one is left."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TooHeavy(Exception):
    """Raised by a handler whose store could not take the whole batch at once: if that repeats, the batch is halved.

    The handler must not raise it while the store may still be working on the batch.
    """


class TooManyBadRecords(LogError):
    """So many records are bad that the consumer is more likely wrong than the data: it stops instead of skipping all."""


class BatchHandler(Protocol):
    """The work done for each batch."""

    async def handle(self, batch: Batch) -> None:
        """Process the whole batch, which is committed on return.

        It is called again with equal records after a crash, a rebalance or an error, so its effect must be repeatable.
        It may be cancelled when a rebalance or a shutdown cannot wait. Raise `BadRecords` or `DataError` for data that
        can never be processed, `TooHeavy` for a batch that is too large; any other error is retried until it succeeds.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where batches are cut, and how long steps may take."""

    max_records: int = 50_000
    max_bytes: int = 8 * 1024 * 1024
    max_age_s: float = 1.0
    """A batch is handed over at this age even when it is small; 0 hands over whatever arrived."""
    partitions_at_once: int = 4
    give_up_s: float = 20.0
    """How long a rebalance waits for running batches: less than the group's rebalance timeout of 60 s."""
    drain_s: float = 10.0
    """How long a shutdown waits for running batches."""
    retry_first_s: float = 0.1
    retry_most_s: float = 10.0


class LoopObserver(Protocol):
    """Receives what a loop does, for metrics. Its methods are called often and must not block or raise."""

    def lagging(self, source: TopicPartition, records: int) -> None:
        """Called with the number of records of the partition that are not committed yet."""
        ...

    def assigned(self, source: TopicPartition, oldest_ms: Callable[[], int | None]) -> None:
        """Called when the loop gets a partition.

        `oldest_ms` returns when the oldest record that was read and is not finished was appended, None without one.
        """
        ...

    def released(self, source: TopicPartition) -> None:
        """Called when the loop has the partition no more: nothing that was reported about it is true any longer."""
        ...

    def handled(self, batch: Batch, seconds: float) -> None:
        """Called when a batch was processed; `seconds` include its retries."""
        ...

    def replayed(self, source: TopicPartition) -> None:
        """Called when a batch is repeated whose intent an earlier owner recorded."""
        ...

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """Called when a record was put on the dead-letter topic."""
        ...

    def retrying(self, source: TopicPartition, error: str) -> None:
        """Called when handling failed and will be retried."""
        ...


class SilentObserver:
    """Ignores everything."""

    def lagging(self, source: TopicPartition, records: int) -> None:
        """Ignored."""

    def assigned(self, source: TopicPartition, oldest_ms: Callable[[], int | None]) -> None:
        """Ignored."""

    def released(self, source: TopicPartition) -> None:
        """Ignored."""

    def handled(self, batch: Batch, seconds: float) -> None:
        """Ignored."""

    def replayed(self, source: TopicPartition) -> None:
        """Ignored."""

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """Ignored."""

    def retrying(self, source: TopicPartition, error: str) -> None:
        """Ignored."""


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """Whether the loop makes progress, and otherwise the problem in one sentence."""

    ok: bool
    problem: str = ""
