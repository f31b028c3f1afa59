"""An idempotent producer that is replaced when it breaks.

aiokafka's own producer never abandons a batch while the broker is unreachable, and after some errors it fails for ever
(aio-libs/aiokafka#1017). Therefore every wait here is bounded, and a broken producer is replaced by a new one while the
old one has 5 seconds to deliver its records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_lz4
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.structs import RecordMetadata

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_common.core.waiting import end
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.timeouts import stop_bounded
from segops_common.streams.log import LogUnavailable, Message, Position, RecordTooLarge

_log = logging.getLogger(__name__)

_LINGER_MS = 5
_REQUEST_TIMEOUT_MS = 10_000
_START_S = 5.0
_SILENT_S = 15.0
_WATCH_S = 1.0
_BATCH_BYTES = 1024 * 1024
_ENDS_PRODUCER = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, ProducerClosed)


@dataclass(slots=True, eq=False)
class _Connection:
    """A producer with its unconfirmed records."""

    producer: AIOKafkaProducer
    heard_at: float
    unconfirmed: dict[asyncio.Future[RecordMetadata], int] = field(default_factory=dict)

    @property
    def unconfirmed_bytes(self) -> int:
        return sum(self.unconfirmed.values())

    @property
    def is_dead(self) -> bool:
        """Whether the background sender has ended, which it never recovers from."""
        task = self.producer._sender.sender_task
        return task is not None and task.done()


class SupervisedProducer:
    """Sends messages and waits for their confirmation. Starts with the first one; the caller bounds the wait."""

    def __init__(self, *, brokers: KafkaBrokers, clock: Clock, silent_s: float = _SILENT_S) -> None:
        self._brokers = brokers
        self._clock = clock
        self._silent_s = silent_s
        self._connection: _Connection | None = None
        self._starting: asyncio.Task[_Connection | LogUnavailable] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retired: set[_Connection] = set()

    @property
    def bytes_in_flight(self) -> int:
        """Bytes that are neither confirmed nor failed, also of callers that no longer wait."""
        current = self._connection.unconfirmed_bytes if self._connection else 0
        return current + sum(connection.unconfirmed_bytes for connection in self._retired)

    async def send(self, topic: str, messages: Sequence[tuple[int, Message]], timestamp_ms: int) -> list[Position]:
        """Store the messages in the given partitions; raises `LogUnavailable` or `RecordTooLarge`."""
        connection = await self._ready()
        try:
            futures = [
                await self._hand_in(connection, topic, partition, message, timestamp_ms)
                for partition, message in messages
            ]
            stored = [await asyncio.shield(future) for future in futures]
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except _ENDS_PRODUCER as error:
            self._retire(connection)
            raise LogUnavailable(f"the producer had to be replaced: {error!r}") from error
        except KafkaError as error:
            raise LogUnavailable(f"the event log refused: {error!r}") from error
        return [Position(topic, record.partition, record.offset) for record in stored]

    async def check(self) -> None:
        """Raise `LogUnavailable` unless a broker responds."""
        connection = await self._ready()
        if not await connection.producer.client.force_metadata_update():
            raise LogUnavailable("no broker responds")

    async def stop(self) -> None:
        """Deliver unconfirmed records within 5 s, then close."""
        await end([task for task in (self._watching, self._starting) if task is not None], within_s=_START_S)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await _stop(connection)

    async def _hand_in(
        self, connection: _Connection, topic: str, partition: int, message: Message, timestamp_ms: int
    ) -> asyncio.Future[RecordMetadata]:
        if not connection.unconfirmed:
            connection.heard_at = self._clock.monotonic()
        future: asyncio.Future[RecordMetadata] = await connection.producer.send(
            topic,
            message.value,
            key=message.key,
            partition=partition,
            timestamp_ms=timestamp_ms,
            headers=list(message.headers),
        )
        connection.unconfirmed[future] = message.size
        future.add_done_callback(lambda future: self._settled(connection, future))
        return future

    def _settled(self, connection: _Connection, future: asyncio.Future[RecordMetadata]) -> None:
        connection.unconfirmed.pop(future, None)
        connection.heard_at = self._clock.monotonic()
        if not future.cancelled():
            future.exception()

    async def _ready(self) -> _Connection:
        if self._connection is not None and not self._connection.is_dead:
            return self._connection
        if self._connection is not None:
            self._retire(self._connection)
        if self._starting is None or self._starting.done():
            self._starting = spawn(self._start(), name="producer start")
        started = await asyncio.shield(self._starting)
        if isinstance(started, LogUnavailable):
            raise started
        return started

    async def _start(self) -> _Connection | LogUnavailable:
        """Return the error instead of raising it: the task may outlive all callers, and then nothing would retrieve it."""
        connection = _Connection(_new_producer(self._brokers), self._clock.monotonic())
        try:
            async with asyncio.timeout(_START_S):
                await connection.producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await _stop(connection)
            return LogUnavailable(f"no broker responds: {error!r}")
        except asyncio.CancelledError:
            await _stop(connection)
            raise
        self._connection = connection
        if self._watching is None:
            self._watching = spawn(self._watch(), name="producer watch")
        return connection

    def _retire(self, connection: _Connection) -> None:
        """Stop sending on this connection, and give it 5 s to deliver its records."""
        if self._connection is not connection:
            return
        self._connection = None
        _log.warning(
            "replacing the Kafka producer: %d bytes of the old one are unconfirmed", connection.unconfirmed_bytes
        )
        self._retired.add(connection)
        spawn(_stop(connection), name="producer drain").add_done_callback(lambda _: self._retired.discard(connection))

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_WATCH_S)
            connection = self._connection
            if connection is None:
                continue
            silent = connection.unconfirmed and self._clock.monotonic() - connection.heard_at > self._silent_s
            if silent or connection.is_dead:
                self._retire(connection)


def _new_producer(brokers: KafkaBrokers) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **brokers.options,
        acks="all",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_BATCH_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        compression_type="lz4" if has_lz4() else None,
    )


async def _stop(connection: _Connection) -> None:
    """Deliver unconfirmed records and close within 5 s. Then fail the rest, so that no caller waits for them."""
    if await stop_bounded(connection.producer.stop, connection.producer.client.close):
        return
    connection.producer._message_accumulator.fail_all(ProducerClosed())
    sender = connection.producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    for future in list(connection.unconfirmed):
        if not future.done():
            future.set_exception(ProducerClosed())
