"""The event log in memory, for unit tests."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.core.waiting import wait_at_most
from segops_common.streams.append_guard import AppendGuard
from segops_common.streams.follow import followed
from segops_common.streams.leases import Claim, Grant, LeasedConsumer, LeaseTimes
from segops_common.streams.log import (
    Committed,
    Header,
    LogConsumer,
    LogUnavailable,
    Message,
    Position,
    Record,
    TopicMismatch,
    TopicPartition,
)


@dataclass(slots=True)
class _Lease:
    token: int
    expires: float


@dataclass(slots=True)
class MemoryEngine:
    """The shared state of several logs, as processes share a server."""

    topics: dict[str, int] = field(default_factory=dict)
    records: dict[TopicPartition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    trimmed: dict[TopicPartition, int] = field(default_factory=lambda: defaultdict(int))
    """The offset of the first record that can still be read."""
    progress: dict[tuple[str, TopicPartition], Committed] = field(default_factory=dict)
    leases: dict[tuple[str, TopicPartition], _Lease] = field(default_factory=dict)
    members: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    tokens: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def since(self, source: TopicPartition, offset: int) -> list[Record]:
        """Return the records at or after an offset."""
        return self.records[source][max(offset, self.trimmed[source]) :]

    def add(self, source: TopicPartition, message: Message, timestamp_ms: int) -> Position:
        """Append and wake the readers."""
        records = self.records[source]
        records.append(
            Record(
                offset=len(records),
                key=message.key,
                value=message.value,
                headers=message.headers,
                timestamp_ms=timestamp_ms,
            )
        )
        self.grown.set()
        self.grown = asyncio.Event()
        return Position(source.topic, source.partition, len(records) - 1)


class MemoryEventLog:
    """An `EventLog` over a `MemoryEngine`. Set `reachable` to False for an outage."""

    def __init__(self, *, clock: Clock, engine: MemoryEngine | None = None, times: LeaseTimes | None = None) -> None:
        self.reachable = True
        self._engine = engine or MemoryEngine()
        self._clock = clock
        self._times = times or LeaseTimes()
        self._guard = AppendGuard(clock=clock)

    async def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See `EventLog`."""
        await self.check()
        for topic in topics:
            partitions = self._engine.topics.setdefault(topic.name, topic.partitions)
            if partitions != topic.partitions:
                raise TopicMismatch(f"{topic.name} has {partitions} partitions, not {topic.partitions}")

    async def append(
        self,
        topic: Topic,
        key: bytes,
        value: bytes,
        *,
        headers: Sequence[Header] = (),
        partition: int | None = None,
    ) -> Position:
        """See `EventLog`."""
        message = Message(key=key, value=value, headers=tuple(headers), partition=partition)
        return (await self.append_many(topic, [message]))[0]

    async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
        """See `EventLog`."""
        self._guard.admit([message.size for message in messages], in_flight=0)
        await self.check()
        now_ms = int(self._clock.now().timestamp() * 1000)
        return [
            self._engine.add(TopicPartition(topic.name, message.partition_in(topic)), message, now_ms)
            for message in messages
        ]

    @asynccontextmanager
    async def consumer(self, group: str, topics: Sequence[Topic]) -> AsyncIterator[LogConsumer]:
        """See `EventLog`."""
        consumer = LeasedConsumer(
            store=MemoryStore(log=self, engine=self._engine, clock=self._clock),
            group=group,
            sources=[TopicPartition(topic.name, part) for topic in topics for part in range(topic.partitions)],
            member=uuid.uuid4().hex,
            times=self._times,
            clock=self._clock,
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.close()

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        await self.check()
        return {part: len(self._engine.records[TopicPartition(topic.name, part)]) for part in range(topic.partitions)}

    async def positions(self, group: str, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        await self.check()
        return {
            source.partition: committed.position
            for (name, source), committed in self._engine.progress.items()
            if name == group and source.topic == topic.name
        }

    async def tail(self, topic: Topic, partition: int, limit: int) -> Sequence[Record]:
        """See `EventLog`."""
        await self.check()
        return tuple(self._engine.since(TopicPartition(topic.name, partition), 0)[-limit:])

    async def first_at(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """See `EventLog`."""
        await self.check()
        return next(iter(self._engine.since(TopicPartition(topic.name, partition), offset)), None)

    @asynccontextmanager
    async def follow(self, topic: Topic, partition: int, offset: int) -> AsyncIterator[AsyncIterator[Sequence[Record]]]:
        """See `EventLog`."""
        store = MemoryStore(log=self, engine=self._engine, clock=self._clock)
        async with aclosing(followed(store, TopicPartition(topic.name, partition), offset)) as batches:
            yield batches

    async def check(self) -> None:
        """See `EventLog`."""
        await asyncio.sleep(0)
        if not self.reachable:
            raise LogUnavailable("the event log does not respond")

    async def close(self) -> None:
        """See `EventLog`."""
        self.reachable = False


class MemoryStore:
    """A `LeaseStore` over a `MemoryEngine`."""

    def __init__(self, *, log: MemoryEventLog, engine: MemoryEngine, clock: Clock) -> None:
        self._log = log
        self._engine = engine
        self._clock = clock

    async def beat(self, claim: Claim) -> Grant:
        """See `LeaseStore`."""
        await self._log.check()
        now = self._clock.monotonic()
        members = self._engine.members[claim.group]
        members[claim.member] = now + claim.lease_s
        for member in [name for name, expires in members.items() if expires < now]:
            del members[member]
        quota = _fair_share(len(claim.sources), sorted(members), claim.member)
        held = {source: token for source, token in claim.held.items() if self._is_lease(claim.group, source, token)}
        for source in claim.sources:
            if len(held) < quota and source not in claim.held and self._is_free(claim.group, source, now):
                self._engine.tokens += 1
                held[source] = self._engine.tokens
        for source, token in held.items():
            self._engine.leases[claim.group, source] = _Lease(token, now + claim.lease_s)
        return Grant(held, quota)

    async def release(self, claim: Claim, given_up: Collection[TopicPartition], *, leave: bool) -> None:
        """See `LeaseStore`."""
        await self._log.check()
        if leave:
            self._engine.members[claim.group].pop(claim.member, None)
        for source in given_up:
            if source in claim.held and self._is_lease(claim.group, source, claim.held[source]):
                del self._engine.leases[claim.group, source]

    async def commit(self, group: str, source: TopicPartition, token: int, committed: Committed) -> bool:
        """See `LeaseStore`."""
        await self._log.check()
        if not self._is_lease(group, source, token):
            return False
        self._engine.progress[group, source] = committed
        return True

    async def committed(self, group: str, source: TopicPartition) -> Committed | None:
        """See `LeaseStore`."""
        await self._log.check()
        return self._engine.progress.get((group, source))

    async def read(
        self, cursors: Mapping[TopicPartition, int], *, max_records: int, max_bytes: int, wait_s: float
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """See `LeaseStore`."""
        await self._log.check()
        if not any(cursor < len(self._engine.records[source]) for source, cursor in cursors.items()):
            await wait_at_most(self._engine.grown, wait_s)
            await self._log.check()
        records_each = max(1, max_records // len(cursors))
        bytes_each = max_bytes / len(cursors)
        return {
            source: _up_to(bytes_each, self._engine.since(source, cursor)[:records_each])
            for source, cursor in cursors.items()
        }

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """See `LeaseStore`."""
        await self._log.check()
        return {source: len(self._engine.records[source]) for source in sources}

    async def trim(self, claim: Claim) -> None:  # noqa: ARG002 only tests trim
        """See `LeaseStore`."""
        await self._log.check()

    def _is_lease(self, group: str, source: TopicPartition, token: int) -> bool:
        lease = self._engine.leases.get((group, source))
        return lease is not None and lease.token == token

    def _is_free(self, group: str, source: TopicPartition, now: float) -> bool:
        lease = self._engine.leases.get((group, source))
        return lease is None or lease.expires < now


def _fair_share(partitions: int, members: Sequence[str], member: str) -> int:
    share, rest = divmod(partitions, len(members))
    return share + (1 if members.index(member) < rest else 0)


def _up_to(max_bytes: float, records: Sequence[Record]) -> Sequence[Record]:
    size = 0
    for count, record in enumerate(records, start=1):
        size += record.size
        if size >= max_bytes:
            return records[:count]
    return records
