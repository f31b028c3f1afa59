"""A member of a Kafka consumer group. The group's generation fences commits, which carry metadata."""

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
from segops_common.streams.deadline import answering
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.reading import START_S, kafka_partition, record_of
from segops_common.streams.kafka.timeouts import stop_bounded
from segops_common.streams.log import Committed, Fetched, LogUnavailable, NotAssigned, TopicPartition

_REQUEST_S = 5.0
_OVERDUE_S = 0.5
_RETRY_S = 0.1
_NEVER_IDLE_MS = 24 * 3600 * 1000
_FETCH_BYTES = 2 * 1024 * 1024
_LOST = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTimes:
    """A member without heartbeats for `session_s` is removed. A rebalance waits `rebalance_s` for running batches."""

    session_s: float = 15.0
    heartbeat_s: float = 3.0
    rebalance_s: float = 60.0


class KafkaLogConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """A `LogConsumer` over aiokafka."""

    def __init__(self, *, brokers: KafkaBrokers, group: str, topics: Sequence[str], times: GroupTimes) -> None:
        self._topics = list(topics)
        self._lock = AssignmentLock()
        self._held: dict[TopicPartition, int] = {}
        self._epoch = 0
        self._membership: tuple[str, int] = ("", -1)
        self._gained = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            **brokers.options,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(times.session_s * 1000),
            heartbeat_interval_ms=int(times.heartbeat_s * 1000),
            rebalance_timeout_ms=int(times.rebalance_s * 1000),
            # The loop reports by its health when it is stuck. Leaving the group during a long batch would repeat the batch.
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
        async with answering(START_S, KafkaError):
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
        """See `LogConsumer`. `max_bytes` is not needed: at most 2 MiB per partition are fetched ahead."""
        sources = [source for source in self._held if among is None or source in among]
        if not sources:
            self._gained.clear()
            await wait_at_most(self._gained, wait_s)
            return ()
        records: Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        # During a rebalance getmany ignores its own time-out.
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s + _OVERDUE_S):
                records = await self._getmany(sources, max_records, int(wait_s * 1000))
        return [fetched for partition, part in records.items() for fetched in self._with_epoch(partition, part)]

    async def _getmany(
        self, sources: Iterable[TopicPartition], max_records: int, timeout_ms: int
    ) -> Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]]:
        try:
            records: Mapping[KafkaPartition, list[ConsumerRecord[bytes, bytes]]] = await self._consumer.getmany(
                *(kafka_partition(source) for source in sources), timeout_ms=timeout_ms, max_records=max_records
            )
        except (KafkaError, IllegalStateError) as error:
            raise LogUnavailable(f"the event log does not respond: {error!r}") from error
        return records

    def _with_epoch(
        self, partition: KafkaPartition, records: Sequence[ConsumerRecord[bytes, bytes]]
    ) -> Iterable[Fetched]:
        """Yield the records with their epoch, or seek back if their assignment is not announced yet and has no epoch."""
        source = TopicPartition(partition.topic, partition.partition)
        epoch = self._held.get(source)
        if epoch is not None:
            yield Fetched(source=source, epoch=epoch, records=tuple(record_of(record) for record in records))
            return
        with suppress(IllegalStateError):
            self._consumer.seek(partition, records[0].offset)

    async def commit(self, source: TopicPartition, position: int, metadata: str = "") -> None:
        """See `LogConsumer`.

        The membership is compared when the request is built. Otherwise a member that was removed from the group would
        commit without a generation, which the broker accepts while the group is empty.
        """
        coordinator = self._consumer._coordinator
        offsets = {kafka_partition(source): OffsetAndMetadata(position, metadata)}
        async with answering(_REQUEST_S, KafkaError):
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
        """See `LogConsumer`. aiokafka's public method drops the metadata."""
        partition = kafka_partition(source)
        async with answering(_REQUEST_S, KafkaError):
            offsets = await self._consumer._coordinator.fetch_committed_offsets([partition])
        if partition not in offsets:
            return None
        return Committed(offsets[partition].offset, offsets[partition].metadata)

    async def seek(self, source: TopicPartition, position: int) -> None:
        """See `LogConsumer`."""
        if source not in self._held:
            raise NotAssigned(f"{source} is not held")
        try:
            self._consumer.seek(kafka_partition(source), position)
        except IllegalStateError as error:
            raise NotAssigned(f"{source} is not held") from error

    def assignment(self) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`. The epoch counts this member's assignments."""
        return dict(self._held)

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`."""
        async with answering(_REQUEST_S, KafkaError):
            ends = await self._consumer.end_offsets([kafka_partition(source) for source in sources])
        return {TopicPartition(source.topic, source.partition): offset for source, offset in ends.items()}

    async def on_partitions_revoked(self, revoked: Collection[KafkaPartition]) -> None:  # noqa: ARG002
        """Wait for running batches, whose commits still count, before the group rebalances."""
        async with self._lock.exclusive():
            self._held = {}

    async def on_partitions_assigned(self, assigned: Collection[KafkaPartition]) -> None:
        """Start a new epoch after the group has rebalanced."""
        coordinator = self._consumer._coordinator
        async with self._lock.exclusive():
            self._epoch += 1
            self._membership = (coordinator.member_id, coordinator.generation)
            self._held = {TopicPartition(source.topic, source.partition): self._epoch for source in assigned}
            self._gained.set()
