"""Reads partitions of Kafka outside any group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from segops_common.streams.deadline import answering
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.timeouts import stop_bounded
from segops_common.streams.log import LogUnavailable, OffsetOutOfRange, Record, TopicPartition

START_S = 10.0
_REQUEST_S = 5.0
_WAIT_MS = 2_000
_FOLLOWED_RECORDS = 1_000


async def read_tail(*, brokers: KafkaBrokers, source: TopicPartition, limit: int) -> Sequence[Record]:
    """Return the last records of a partition, oldest first, outside any group."""
    async with _reader(brokers, source) as (consumer, begin, end):
        return await _read(consumer, kafka_partition(source), range(max(begin, end - limit), end))


async def read_first(*, brokers: KafkaBrokers, source: TopicPartition, offset: int) -> Record | None:
    """Return the first stored record at or after an offset, outside any group; None when there is none."""
    async with _reader(brokers, source) as (consumer, begin, end):
        first = max(begin, offset)
        records = await _read(consumer, kafka_partition(source), range(first, min(first + 1, end)))
    return records[0] if records else None


@asynccontextmanager
async def _reader(brokers: KafkaBrokers, source: TopicPartition) -> AsyncIterator[tuple[AIOKafkaConsumer, int, int]]:
    """Yield a consumer of the partition, and its first and next offset. The block must end within some seconds."""
    async with _started(brokers, source, "earliest") as consumer, answering(START_S, KafkaError):
        yield consumer, *await _ends(consumer, source)


@asynccontextmanager
async def _started(
    brokers: KafkaBrokers, source: TopicPartition, reset: Literal["earliest", "none"]
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**brokers.options, enable_auto_commit=False, auto_offset_reset=reset)
    try:
        async with answering(START_S, KafkaError):
            await consumer.start()
            consumer.assign([kafka_partition(source)])
        yield consumer
    finally:
        await stop_bounded(consumer.stop, consumer._client.close)


async def _ends(consumer: AIOKafkaConsumer, source: TopicPartition) -> tuple[int, int]:
    """Return the first and the next offset."""
    partition = kafka_partition(source)
    end = (await consumer.end_offsets([partition]))[partition]
    return (await consumer.beginning_offsets([partition]))[partition], end


async def _read(consumer: AIOKafkaConsumer, partition: KafkaPartition, part: range) -> Sequence[Record]:
    """Return the records with these offsets."""
    records: list[Record] = []
    consumer.seek(partition, part.start)
    while len(records) < len(part):
        batches = await consumer.getmany(timeout_ms=500)
        records += [record_of(record) for record in batches.get(partition, ())]
    return tuple(records[: len(part)])


@asynccontextmanager
async def following(
    *, brokers: KafkaBrokers, source: TopicPartition, offset: int
) -> AsyncIterator[AsyncIterator[Sequence[Record]]]:
    """Open an endless iterator over the records from `offset` on, as in `EventLog.follow`."""
    async with _started(brokers, source, "none") as consumer:
        async with answering(_REQUEST_S, KafkaError):
            begin, end = await _ends(consumer, source)
        if not begin <= offset <= end:
            raise OffsetOutOfRange(f"{source} has {begin} to {end}, not {offset}")
        consumer.seek(kafka_partition(source), offset)
        yield _followed(consumer, source)


async def _followed(consumer: AIOKafkaConsumer, source: TopicPartition) -> AsyncIterator[Sequence[Record]]:
    partition = kafka_partition(source)
    while True:
        with _errors(source):
            batches = await consumer.getmany(partition, timeout_ms=_WAIT_MS, max_records=_FOLLOWED_RECORDS)
        if batches:
            yield tuple(record_of(record) for record in batches[partition])
            continue
        # A broker that is gone looks like one that has nothing new.
        async with answering(_REQUEST_S, KafkaError):
            await consumer.end_offsets([partition])


@contextmanager
def _errors(source: TopicPartition) -> Iterator[None]:
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise OffsetOutOfRange(f"{source} no longer has the next record") from error
    except KafkaError as error:
        raise LogUnavailable(f"the event log does not respond: {error!r}") from error


def record_of(record: ConsumerRecord[bytes, bytes]) -> Record:
    """Return the port's record. A key or value that another client left out is empty."""
    return Record(
        offset=record.offset,
        key=record.key or b"",
        value=record.value or b"",
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )


def kafka_partition(source: TopicPartition) -> KafkaPartition:
    """Return the partition as aiokafka names it."""
    return KafkaPartition(source.topic, source.partition)
