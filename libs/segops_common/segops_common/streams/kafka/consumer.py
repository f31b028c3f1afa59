"""A member of a Kafka consumer group: positions with metadata, fenced by the generation, safe under rebalances."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

from segops_common.core.waiting import wait_at_most
from segops_common.streams.assignment_lock import AssignmentLock
from segops_common.streams.kafka.timeouts import stop_bounded, translated
from segops_common.streams.log import Committed, Fetched, LogUnavailable, NotAssigned, Record, TopicPartition

_START_S = 10.0
_REQUEST_S = 5.0
_OVERDUE_S = 0.5
_RETRY_S = 0.1
_NEVER_IDLE_MS = 24 * 3600 * 1000
_FETCH_BYTES = 2 * 1024 * 1024
_LOST = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTimes:
    """A member silent for `session_s` is dead; a rebalance waits `rebalance_s` for members to finish their batches."""

    session_s: float = 15.0
    heartbeat_s: float = 3.0
    rebalance_s: float = 60.0


class KafkaLogConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """A `LogConsumer` over aiokafka."""

    def __init__(self, *, bootstrap: str, group: str, topics: Sequence[str], times: GroupTimes) -> None:
        self._topics = list(topics)
        self._lock = AssignmentLock()
        self._held: dict[TopicPartition, int] = {}
        self._epoch = 0
        self._membership: tuple[str, int] = ("", -1)
        self._gained = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(times.session_s * 1000),
            heartbeat_interval_ms=int(times.heartbeat_s * 1000),
            rebalance_timeout_ms=int(times.rebalance_s * 1000),
            # The loop's own health says when it is stuck; leaving the group during a long batch would repeat it.
            max_poll_interval_ms=_NEVER_IDLE_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
            metadata_max_age_ms=30_000,
        )

    @property
    def lock(self) -> AssignmentLock:
        """See `LogConsumer`."""
        return self._lock

    async def start(self) -> None:
        """Connect and begin to join; raises `LogUnavailable`."""
        async with translated(within_s=_START_S):
            await self._consumer.start()
            self._consumer.subscribe(self._topics, listener=self)

    async def close(self) -> None:
        """Leave the group within 5 s."""
        self._held = {}
        await stop_bounded(self._consumer.stop, self._consumer._client.close)

    async def poll(
        self,
        *,
        max_records: int,
        max_bytes: int,  # noqa: ARG002
        wait_s: float,
        among: Collection[TopicPartition] | None = None,
    ) -> Sequence[Fetched]:
        """See `LogConsumer`; what is fetched ahead is bounded to 2 MiB a partition, so the bytes asked for say nothing new."""
        wanted = [source for source in self._held if among is None or source in among]
        if not wanted:
            self._gained.clear()
            await wait_at_most(self._gained, wait_s)
            return ()
        found: Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        # While the group rebalances getmany ignores its own time-out.
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s + _OVERDUE_S):
                found = await self._getmany(wanted, max_records, int(wait_s * 1000))
        return [fetched for partition, records in found.items() for fetched in self._labelled(partition, records)]

    async def _getmany(
        self, wanted: Iterable[TopicPartition], max_records: int, timeout_ms: int
    ) -> Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]]:
        try:
            found: Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]] = await self._consumer.getmany(
                *(_kafka(source) for source in wanted), timeout_ms=timeout_ms, max_records=max_records
            )
        except (KafkaError, IllegalStateError) as error:
            raise LogUnavailable(f"the event log does not answer: {error!r}") from error
        return found

    def _labelled(
        self, partition: KafkaPartition, records: Sequence[ConsumerRecord[bytes, bytes]]
    ) -> Iterable[Fetched]:
        """What came under an assignment not announced yet is put back: nobody would know its epoch."""
        source = TopicPartition(partition.topic, partition.partition)
        epoch = self._held.get(source)
        if epoch is not None:
            yield Fetched(source=source, epoch=epoch, records=tuple(record_of(record) for record in records))
            return
        with suppress(IllegalStateError):
            self._consumer.seek(partition, records[0].offset)

    async def commit(self, source: TopicPartition, position: int, metadata: str = "") -> None:
        """See `LogConsumer`.

        The membership is compared where the request is built: a member the group forgot would otherwise commit with
        no generation at all, which the broker accepts while the group is empty.
        """
        coordinator = self._consumer._coordinator
        offsets = {_kafka(source): OffsetAndMetadata(position, metadata)}
        async with translated(within_s=_REQUEST_S):
            while True:
                await coordinator.ensure_coordinator_known()
                if source not in self._held or self._membership != (coordinator.member_id, coordinator.generation):
                    raise NotAssigned(f"{source} may have another owner: the group has rebalanced")
                try:
                    await coordinator._do_commit_offsets(None, offsets)
                except _LOST as error:
                    raise NotAssigned(f"{source} may have another owner: {error!r}") from error
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    await asyncio.sleep(_RETRY_S)
                else:
                    return

    async def committed(self, source: TopicPartition) -> Committed | None:
        """See `LogConsumer`; aiokafka's public method drops the metadata."""
        partition = _kafka(source)
        async with translated(within_s=_REQUEST_S):
            found = await self._consumer._coordinator.fetch_committed_offsets([partition])
        if partition not in found:
            return None
        return Committed(found[partition].offset, found[partition].metadata)

    async def seek(self, source: TopicPartition, position: int) -> None:
        """See `LogConsumer`."""
        if source not in self._held:
            raise NotAssigned(f"{source} is not held")
        try:
            self._consumer.seek(_kafka(source), position)
        except IllegalStateError as error:
            raise NotAssigned(f"{source} is not held") from error

    def assignment(self) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`; the epoch counts the assignments this member got."""
        return dict(self._held)

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`."""
        async with translated(within_s=_REQUEST_S):
            ends = await self._consumer.end_offsets([_kafka(source) for source in sources])
        return {TopicPartition(each.topic, each.partition): offset for each, offset in ends.items()}

    async def on_partitions_revoked(self, revoked: Collection[KafkaPartition]) -> None:  # noqa: ARG002
        """Called before the group rebalances: waits for the batches in flight, whose commits still count."""
        async with self._lock.exclusive():
            self._held = {}

    async def on_partitions_assigned(self, assigned: Collection[KafkaPartition]) -> None:
        """Called after the group rebalanced."""
        coordinator = self._consumer._coordinator
        async with self._lock.exclusive():
            self._epoch += 1
            self._membership = (coordinator.member_id, coordinator.generation)
            self._held = {TopicPartition(each.topic, each.partition): self._epoch for each in assigned}
            self._gained.set()


async def read_tail(*, bootstrap: str, source: TopicPartition, limit: int) -> Sequence[Record]:
    """The last records of a partition, read outside any group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    partition = _kafka(source)
    records: list[Record] = []
    try:
        async with translated(within_s=_START_S):
            await consumer.start()
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            begin = max(end - limit, (await consumer.beginning_offsets([partition]))[partition])
            consumer.seek(partition, begin)
            while begin + len(records) < end:
                found = await consumer.getmany(timeout_ms=500)
                records += [record_of(record) for record in found.get(partition, ())]
    finally:
        await stop_bounded(consumer.stop, consumer._client.close)
    return tuple(records[:limit])


def record_of(record: ConsumerRecord[bytes, bytes]) -> Record:
    """The port's record; a key or value that another client left out is empty."""
    return Record(
        offset=record.offset,
        key=record.key or b"",
        value=record.value or b"",
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )


def _kafka(source: TopicPartition) -> KafkaPartition:
    return KafkaPartition(source.topic, source.partition)
