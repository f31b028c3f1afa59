"""The event log port: what every adapter promises and every caller may rely on.

An offset always means *the next to read*: a position is the offset of the first record not yet read or processed.
Records of one partition are totally ordered; between partitions there is no order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import xxhash

from segops_common.contracts.topics import Topic
from segops_common.streams.assignment_lock import AssignmentLock

APPEND_DEADLINE_S = 5.0
"""An append answers within this time: stored, or `LogUnavailable`."""

MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of appends not yet acknowledged that one process may hold; beyond it an append is refused at once."""

MAX_RECORD_BYTES = 1_000_000
"""The largest record (key and value) the log takes: with headers and framing it fits a Kafka broker's default limit."""

Header = tuple[str, bytes]


class LogError(Exception):
    """Anything the event log reports."""


class LogUnavailable(LogError):
    """The log did not confirm in time; the record may have been stored, so retry with the same message id."""


class NotAssigned(LogError):
    """The partition belongs to somebody else now; drop the work, its new owner repeats it."""


class RecordTooLarge(LogError):
    """The record is larger than the log takes; retrying cannot help."""


class TopicMismatch(LogError):
    """The topic exists with another number of partitions, so keys would change their partition."""


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One ordered sequence of records."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a record was stored."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One stored record; `timestamp_ms` is the writer's clock in milliseconds since 1970."""

    offset: int
    key: bytes
    value: bytes
    headers: tuple[Header, ...] = ()
    timestamp_ms: int = 0

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key) + len(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One record to append; without `partition` the key decides."""

    key: bytes
    value: bytes
    headers: tuple[Header, ...] = ()
    partition: int | None = None

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key) + len(self.value)

    def partition_in(self, topic: Topic) -> int:
        """Where the message goes."""
        return partition_of(topic, self.key) if self.partition is None else self.partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Consecutive records of one partition, read under the assignment `epoch`."""

    source: TopicPartition
    epoch: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's progress in a partition: the next offset to read, and the note stored with it."""

    position: int
    metadata: str


def partition_of(topic: Topic, key: bytes) -> int:
    """The partition a key belongs to, the same for every adapter and for ever."""
    return xxhash.xxh64_intdigest(key) % topic.partitions


class LogConsumer(Protocol):
    """One member of a group; partitions are shared with the other members and move between them.

    Not safe for concurrent `poll` calls; every other method may run beside a poll.
    """

    @property
    def lock(self) -> AssignmentLock:
        """Held shared by every batch in flight; taken exclusively before a partition is given away."""
        ...

    async def poll(
        self, *, max_records: int, max_bytes: int, wait_s: float, among: Collection[TopicPartition] | None = None
    ) -> Sequence[Fetched]:
        """Read on from each assigned partition (only those in `among`, if given), blocking at most about `wait_s`.

        Records of a partition come in order and once per assignment epoch. `max_bytes` is soft: the record that passes
        it is still returned. Returns nothing when nothing came. Raises `LogUnavailable` when the log does not answer;
        polling again is safe and loses nothing.
        """
        ...

    async def commit(self, source: TopicPartition, position: int, metadata: str = "") -> None:
        """Store the group's progress, durable on return.

        Raises `NotAssigned` when this member no longer holds the partition (nothing is stored then) and
        `LogUnavailable` when the outcome is unknown; repeating a commit is safe.
        """
        ...

    async def committed(self, source: TopicPartition) -> Committed | None:
        """What the group last committed, by any member; None when nothing was. Raises `LogUnavailable`."""
        ...

    async def seek(self, source: TopicPartition, position: int) -> None:
        """Make `position` the next to read; below the first record kept means that record. Raises `NotAssigned`."""
        ...

    def assignment(self) -> Mapping[TopicPartition, int]:
        """The partitions held now with the epoch of each; an epoch never repeats within a consumer."""
        ...

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """For each partition the offset the next record will get. Raises `LogUnavailable`."""
        ...


class EventLog(Protocol):
    """Partitioned, durable, append-only topics. Connects on first use; safe for concurrent use in one event loop."""

    async def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create what is missing. Raises `TopicMismatch`, or `LogUnavailable`; safe to repeat and to race."""
        ...

    async def append(
        self,
        topic: Topic,
        key: bytes,
        value: bytes,
        *,
        headers: Sequence[Header] = (),
        partition: int | None = None,
    ) -> Position:
        """Store one record; on return it survives the loss of the process and of the engine's.

        Appends awaited one after the other keep their order within a partition; concurrent ones may land in any.
        Raises `LogUnavailable` within 5 s (at once when over the byte budget or while the log is known to be down) and
        `RecordTooLarge`. A retry inside the call never stores the record twice; a retry by the caller does.
        """
        ...

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
        """Store all messages under one deadline; positions come in the order of `messages`.

        Raises as `append`; then any part of the messages may have been stored.
        """
        ...

    def consumer(self, group: str, topics: Sequence[Topic]) -> AbstractAsyncContextManager[LogConsumer]:
        """Join a group; leaving the context leaves the group, within a bounded time even when the log is dead.

        Partitions nobody read yet start at the first record kept. Entering raises `LogUnavailable`.
        """
        ...

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """For each partition the offset that the next record will get. Raises `LogUnavailable`."""
        ...

    async def positions(self, group: str, topic: Topic) -> Mapping[int, int]:
        """What a group, seen from outside, has committed; a partition without a commit is left out.

        Raises `LogUnavailable`.
        """
        ...

    async def tail(self, topic: Topic, partition: int, limit: int) -> Sequence[Record]:
        """The last `limit` records of a partition, oldest first, outside any group. Raises `LogUnavailable`."""
        ...

    async def check(self) -> None:
        """Return when the log answers, else raise `LogUnavailable` within 5 s; for readiness."""
        ...

    async def close(self) -> None:
        """Let appends in flight end and free connections, within 5 s; the log is not usable afterwards."""
        ...
