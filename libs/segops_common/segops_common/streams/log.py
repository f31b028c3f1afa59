"""The event log port: what every adapter promises and every caller may rely on.

A position always means *the next to read*: the offset of the first record that is not yet read or processed. Records of
one partition are totally ordered; between partitions there is no order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import xxhash

from segops_common.contracts.topics import Topic
from segops_common.streams.assignment_lock import AssignmentLock

APPEND_DEADLINE_S = 5.0
"""An append ends within this time: stored, or with `LogUnavailable`."""

MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Unconfirmed bytes of appends that one process may hold; an append beyond that is refused at once."""

MAX_RECORD_BYTES = 1_000_000
"""The largest key and value of a record: with headers and framing they fit a Kafka broker's default limit."""

Header = tuple[str, bytes]


class LogError(Exception):
    """Base class of the event log's errors."""


class LogUnavailable(LogError):
    """The log did not confirm in time. The record may have been stored, so retry with the same message id."""


class NotAssigned(LogError):
    """The partition has another owner now: drop the work, the new owner repeats it."""


class RecordTooLarge(LogError):
    """The record exceeds the limit; retrying cannot help."""


class OffsetOutOfRange(LogError):
    """The record is not stored any more, or lies beyond the end of the partition."""


class TopicMismatch(LogError):
    """The topic exists with a different number of partitions, so keys would change their partition."""


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
        """Return the partition that the message goes to."""
        return partition_of(topic, self.key) if self.partition is None else self.partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Consecutive records of one partition, read under the assignment `epoch`."""

    source: TopicPartition
    epoch: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's progress in a partition: the next offset to read, and the metadata stored with it."""

    position: int
    metadata: str


def partition_of(topic: Topic, key: bytes) -> int:
    """Return the partition of a key, which is the same for every adapter and must never change."""
    return xxhash.xxh64_intdigest(key) % topic.partitions


class LogConsumer(Protocol):
    """One member of a group. Partitions are divided among the members and may move between them.

    `poll` must not be called concurrently; every other method may run during a poll.
    """

    @property
    def lock(self) -> AssignmentLock:
        """Held shared by every running batch, and exclusively while partitions are handed over."""
        ...

    async def poll(
        self, *, max_records: int, max_bytes: int, wait_s: float, among: Collection[TopicPartition] | None = None
    ) -> Sequence[Fetched]:
        """Return the next records of each assigned partition, or of those in `among`, waiting at most about `wait_s`.

        Records of a partition are ascending and come once per assignment epoch. `max_bytes` is soft: the record that
        exceeds it is still returned. The result is empty when nothing arrived. Raises `LogUnavailable`; polling again
        is safe and loses nothing.
        """
        ...

    async def commit(self, source: TopicPartition, position: int, metadata: str = "") -> None:
        """Store the group's progress, durably on return.

        Raises `NotAssigned` when this member no longer owns the partition, and stores nothing. Raises `LogUnavailable`
        when the outcome is unknown; repeating a commit is safe.
        """
        ...

    async def committed(self, source: TopicPartition) -> Committed | None:
        """Return what any member of the group last committed, or None. Raises `LogUnavailable`."""
        ...

    async def seek(self, source: TopicPartition, position: int) -> None:
        """Continue reading at `position`, or at the first stored record if that is later. Raises `NotAssigned`."""
        ...

    def assignment(self) -> Mapping[TopicPartition, int]:
        """Return the assigned partitions with their epochs. An epoch never repeats within a consumer."""
        ...

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the offset that the next record of each partition will get. Raises `LogUnavailable`."""
        ...


class EventLog(Protocol):
    """Partitioned, durable, append-only topics. Connects on first use; safe for concurrent use in one event loop."""

    async def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create the topics that do not exist. Safe to repeat and to call concurrently.

        Raises `TopicMismatch` or `LogUnavailable`.
        """
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
        """Store one record. On return it survives a crash of this process and of the engine.

        Appends that are awaited one after the other keep their order within a partition; concurrent ones may take any.
        Raises `RecordTooLarge`, and `LogUnavailable` within 5 s, or at once when too many bytes are unconfirmed or the
        log is known to be down. A retry inside the call never stores the record twice; a retry by the caller does.
        """
        ...

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
        """Store all messages under one deadline, and return their positions in the order of `messages`.

        Raises the errors of `append`; then any part of the messages may have been stored.
        """
        ...

    def consumer(self, group: str, topics: Sequence[Topic]) -> AbstractAsyncContextManager[LogConsumer]:
        """Join a group, and leave it at the end of the context, within a bounded time even when the log is down.

        A partition without progress starts at its first stored record. Entering raises `LogUnavailable`.
        """
        ...

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """Return the offset that the next record of each partition will get. Raises `LogUnavailable`."""
        ...

    async def positions(self, group: str, topic: Topic) -> Mapping[int, int]:
        """Return what a group has committed in each partition, without joining it.

        A partition without a commit is left out. Raises `LogUnavailable`.
        """
        ...

    async def tail(self, topic: Topic, partition: int, limit: int) -> Sequence[Record]:
        """Return the last `limit` records of a partition, oldest first, outside any group. Raises `LogUnavailable`."""
        ...

    async def first_at(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return the first stored record at or after an offset, outside any group; None when there is none.

        Raises `LogUnavailable`.
        """
        ...

    def follow(
        self, topic: Topic, partition: int, offset: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Record]]]:
        """Open an endless iterator over the records of a partition from `offset` on, outside any group.

        It yields them ascending in small batches, each record once, and waits for new ones. It can be cancelled at any
        time. Opening and iterating raise `OffsetOutOfRange` when the next record was trimmed, or `offset` is beyond the
        end, and `LogUnavailable` within some seconds when the log does not respond.
        """
        ...

    async def check(self) -> None:
        """Raise `LogUnavailable` within 5 s unless the log responds; for readiness."""
        ...

    async def close(self) -> None:
        """Finish running appends and free connections, within 5 s. The log is not usable afterwards."""
        ...
