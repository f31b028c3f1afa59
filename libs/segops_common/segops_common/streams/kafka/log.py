"""The event log on Apache Kafka, for production.

All in-sync replicas acknowledge a batch. Configure the brokers for 3 replicas and `min.insync.replicas=2`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.streams.append_guard import AppendGuard
from segops_common.streams.deadline import answering
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.consumer import GroupTimes, KafkaLogConsumer
from segops_common.streams.kafka.positions import KafkaPositions
from segops_common.streams.kafka.producer import SupervisedProducer
from segops_common.streams.kafka.reading import following, read_first, read_tail
from segops_common.streams.log import (
    APPEND_DEADLINE_S,
    Header,
    LogConsumer,
    Message,
    Position,
    Record,
    TopicMismatch,
    TopicPartition,
)

_ADMIN_S = 15.0
_POLL_METADATA_S = 0.1
_BROKER_DEFAULT = -1
"""The number of replicas that the brokers default to. aiokafka accepts it only with an assignment, here an empty one."""


class KafkaEventLog:
    """An `EventLog` on the given brokers."""

    def __init__(
        self, *, brokers: KafkaBrokers, clock: Clock, times: GroupTimes | None = None, silent_s: float = 15.0
    ) -> None:
        self._brokers = brokers
        self._clock = clock
        self._times = times or GroupTimes()
        self._guard = AppendGuard(clock=clock)
        self._producer = SupervisedProducer(brokers=brokers, clock=clock, silent_s=silent_s)
        self._positions = KafkaPositions(brokers=brokers)

    async def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """See `EventLog`. The brokers' default decides the number of replicas."""
        admin = AIOKafkaAdminClient(**self._brokers.options)
        try:
            async with answering(_ADMIN_S, KafkaError):
                await admin.start()
                await _create(admin, topics)
                while not await _all_visible(admin, topics):
                    await self._clock.sleep(_POLL_METADATA_S)
        finally:
            await admin.close()

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
        self._guard.admit([message.size for message in messages], in_flight=self._producer.bytes_in_flight)
        placed = [(message.partition_in(topic), message) for message in messages]
        now_ms = int(self._clock.now().timestamp() * 1000)
        async with self._guard.deadline():
            return await self._producer.send(topic.name, placed, now_ms)

    @asynccontextmanager
    async def consumer(self, group: str, topics: Sequence[Topic]) -> AsyncIterator[LogConsumer]:
        """See `EventLog`."""
        names = [topic.name for topic in topics]
        consumer = KafkaLogConsumer(brokers=self._brokers, group=group, topics=names, times=self._times)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.close()

    async def ends(self, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        return await self._positions.ends(topic)

    async def positions(self, group: str, topic: Topic) -> Mapping[int, int]:
        """See `EventLog`."""
        return await self._positions.of_group(group, topic)

    async def tail(self, topic: Topic, partition: int, limit: int) -> Sequence[Record]:
        """See `EventLog`."""
        source = TopicPartition(topic.name, partition)
        return await read_tail(brokers=self._brokers, source=source, limit=limit)

    async def first_at(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """See `EventLog`."""
        source = TopicPartition(topic.name, partition)
        return await read_first(brokers=self._brokers, source=source, offset=offset)

    def follow(
        self, topic: Topic, partition: int, offset: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Record]]]:
        """See `EventLog`. Each iterator has connections of its own."""
        source = TopicPartition(topic.name, partition)
        return following(brokers=self._brokers, source=source, offset=offset)

    async def check(self) -> None:
        """See `EventLog`."""
        async with answering(APPEND_DEADLINE_S, KafkaError):
            await self._producer.check()

    async def close(self) -> None:
        """See `EventLog`."""
        await self._positions.close()
        await self._producer.stop()


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    new_topics = [NewTopic(topic.name, topic.partitions, _BROKER_DEFAULT, replica_assignments={}) for topic in topics]
    response = await admin.create_topics(new_topics)
    for _, code, *_ in response.topic_errors:
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:
            raise error()


async def _all_visible(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> bool:
    """Return whether every topic has its leaders. Raises `TopicMismatch`."""
    described = {topic["topic"]: topic for topic in await admin.describe_topics([topic.name for topic in topics])}
    for topic in topics:
        partitions = described[topic.name]["partitions"]
        if described[topic.name]["error_code"] or any(partition["error_code"] for partition in partitions):
            return False
        if len(partitions) != topic.partitions:
            raise TopicMismatch(f"{topic.name} has {len(partitions)} partitions, not {topic.partitions}")
    return True
