"""What a handler is given, what it may raise, and the bounds the consumer loop works in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import xxhash

from segops_common.streams.log import LogError, Record, TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one partition.

    The range is what will be committed; `records` may lack some of it, when they were dead-lettered.
    """

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    records: tuple[Record, ...]

    @property
    def source(self) -> TopicPartition:
        """The partition the batch came from."""
        return TopicPartition(self.topic, self.partition)

    def token(self) -> str:
        """Equal for equal records of the same place, and for nothing else.

        The hash covers the raw values, so a topic made anew, whose offsets start again, never repeats a token.
        """
        digest = xxhash.xxh3_64()
        for record in self.records:
            digest.update(len(record.value).to_bytes(8, "little"))
            digest.update(record.value)
        return f"{self.topic}:{self.partition}:{self.first_offset}-{self.last_offset}:{digest.hexdigest()}"

    def without(self, offsets: frozenset[int]) -> Batch:
        """The same range with fewer records."""
        kept = tuple(record for record in self.records if record.offset not in offsets)
        return Batch(
            topic=self.topic,
            partition=self.partition,
            first_offset=self.first_offset,
            last_offset=self.last_offset,
            records=kept,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches that cover the range, cut at a place that depends on the records alone."""
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
    """One record nobody can process: a stable code, and a detail for people that does not echo the value."""

    offset: int
    code: str
    detail: str


class BadRecords(Exception):
    """Raised by a handler that knows the culprits: they are dead-lettered, then the rest is handled again.

    The handler must judge the same records the same way each time, so that a replay gives the same rest.
    """

    def __init__(self, records: Sequence[BadRecord]) -> None:
        super().__init__(f"{len(records)} bad records")
        self.records = tuple(records)


class DataError(Exception):
    """Raised by a handler whose store refuses the data without saying which record: the loop halves the batch."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TooManyBadRecords(LogError):
    """So much is bad that the consumer is more likely wrong than the data; it stops rather than drain the topic."""


class BatchHandler(Protocol):
    """The work done for a batch."""

    async def handle(self, batch: Batch) -> None:
        """Process the whole batch; on return it is committed.

        Called again with equal records after a crash, a rebalance or any error, so its effect must be repeatable; may
        be cancelled when a rebalance or a shutdown cannot wait. Raise `BadRecords` or `DataError` for data that can
        never be processed; anything else is retried for ever.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a batch is cut, and how long things may take."""

    max_records: int = 50_000
    max_bytes: int = 8 * 1024 * 1024
    max_age_s: float = 1.0
    """A batch is handed over at this age even when small; 0 hands over whatever came."""
    partitions_at_once: int = 4
    give_up_s: float = 20.0
    """How long a rebalance waits for a batch in flight; below the group's rebalance timeout of 60 s."""
    drain_s: float = 10.0
    """How long a shutdown waits for the batches in flight."""
    retry_first_s: float = 0.1
    retry_most_s: float = 10.0


class LoopObserver(Protocol):
    """Told what the loop does, for metrics; called often, must not block or raise."""

    def lagging(self, source: TopicPartition, records: int) -> None:
        """So many records of the partition are not yet committed."""
        ...

    def handled(self, source: TopicPartition, records: int, size: int, seconds: float) -> None:
        """A batch of `size` bytes is done and committed; `seconds` include its retries."""
        ...

    def replayed(self, source: TopicPartition) -> None:
        """A batch whose intent was recorded by an earlier owner is being repeated."""
        ...

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """One record was put aside."""
        ...

    def retrying(self, source: TopicPartition, error: str) -> None:
        """Handling failed and will be tried again."""
        ...


class SilentObserver:
    """Nobody is watching."""

    def lagging(self, source: TopicPartition, records: int) -> None:
        """Ignored."""

    def handled(self, source: TopicPartition, records: int, size: int, seconds: float) -> None:
        """Ignored."""

    def replayed(self, source: TopicPartition) -> None:
        """Ignored."""

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """Ignored."""

    def retrying(self, source: TopicPartition, error: str) -> None:
        """Ignored."""


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """Whether the loop makes progress; `problem` says why not, in one sentence."""

    ok: bool
    problem: str = ""
