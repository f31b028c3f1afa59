"""An idempotent producer that is replaced when it breaks.

aiokafka's own never gives a batch up while the broker is away, and after some errors it fails for ever
(aio-libs/aiokafka#1017). So every wait here has an end, and a broken producer is swapped for a new one while the old one
gets a moment to deliver what it holds.
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
class _Line:
    """One producer and what it still owes."""

    producer: AIOKafkaProducer
    heard_at: float
    owed: dict[asyncio.Future[RecordMetadata], int] = field(default_factory=dict)

    @property
    def owed_bytes(self) -> int:
        return sum(self.owed.values())

    @property
    def is_dead(self) -> bool:
        """Whether the background sender ended; it never comes back."""
        task = self.producer._sender.sender_task
        return task is not None and task.done()


class SupervisedProducer:
    """Sends and waits; starts with the first message. Every wait of a caller is bounded by the caller."""

    def __init__(self, *, bootstrap: str, clock: Clock, silent_s: float = _SILENT_S) -> None:
        self._bootstrap = bootstrap
        self._clock = clock
        self._silent_s = silent_s
        self._line: _Line | None = None
        self._starting: asyncio.Task[_Line | LogUnavailable] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retired: set[_Line] = set()

    @property
    def bytes_in_flight(self) -> int:
        """Bytes accepted and neither confirmed nor given up, those of callers who stopped waiting included."""
        current = self._line.owed_bytes if self._line else 0
        return current + sum(line.owed_bytes for line in self._retired)

    async def send(self, topic: str, messages: Sequence[tuple[int, Message]], timestamp_ms: int) -> list[Position]:
        """Store the messages in the given partitions; raises `LogUnavailable` or `RecordTooLarge`."""
        line = await self._ready()
        try:
            owed = [await self._hand_in(line, topic, partition, each, timestamp_ms) for partition, each in messages]
            stored = [await asyncio.shield(future) for future in owed]
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except _ENDS_PRODUCER as error:
            self._retire(line)
            raise LogUnavailable(f"the producer had to be replaced: {error!r}") from error
        except KafkaError as error:
            raise LogUnavailable(f"the event log refused: {error!r}") from error
        return [Position(topic, each.partition, each.offset) for each in stored]

    async def check(self) -> None:
        """Return when a broker answers; raises `LogUnavailable`."""
        line = await self._ready()
        if not await line.producer.client.force_metadata_update():
            raise LogUnavailable("no broker answers")

    async def stop(self) -> None:
        """Deliver what is owed if that takes no longer than 5 s, then let go."""
        await end([task for task in (self._watching, self._starting) if task is not None], within_s=_START_S)
        if self._line is not None:
            line, self._line = self._line, None
            await _stop(line)

    async def _hand_in(
        self, line: _Line, topic: str, partition: int, message: Message, timestamp_ms: int
    ) -> asyncio.Future[RecordMetadata]:
        if not line.owed:
            line.heard_at = self._clock.monotonic()
        future: asyncio.Future[RecordMetadata] = await line.producer.send(
            topic,
            message.value,
            key=message.key,
            partition=partition,
            timestamp_ms=timestamp_ms,
            headers=list(message.headers),
        )
        line.owed[future] = message.size
        future.add_done_callback(lambda done: self._settled(line, done))
        return future

    def _settled(self, line: _Line, future: asyncio.Future[RecordMetadata]) -> None:
        line.owed.pop(future, None)
        line.heard_at = self._clock.monotonic()
        if not future.cancelled():
            future.exception()

    async def _ready(self) -> _Line:
        if self._line is not None and not self._line.is_dead:
            return self._line
        if self._line is not None:
            self._retire(self._line)
        if self._starting is None or self._starting.done():
            self._starting = spawn(self._start(), name="producer start")
        started = await asyncio.shield(self._starting)
        if isinstance(started, LogUnavailable):
            raise started
        return started

    async def _start(self) -> _Line | LogUnavailable:
        """The refusal is returned, not raised: the task outlives callers that no longer wait for it."""
        line = _Line(_new_producer(self._bootstrap), self._clock.monotonic())
        try:
            async with asyncio.timeout(_START_S):
                await line.producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await _stop(line)
            return LogUnavailable(f"no broker answers: {error!r}")
        except asyncio.CancelledError:
            await _stop(line)
            raise
        self._line = line
        if self._watching is None:
            self._watching = spawn(self._watch(), name="producer watch")
        return line

    def _retire(self, line: _Line) -> None:
        """Never send on this line again; let it deliver for 5 s what it holds."""
        if self._line is not line:
            return
        self._line = None
        _log.warning("the Kafka producer is replaced: %d bytes wait in the old one", line.owed_bytes)
        self._retired.add(line)
        spawn(_stop(line), name="producer drain").add_done_callback(lambda _: self._retired.discard(line))

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_WATCH_S)
            line = self._line
            if line is None:
                continue
            silent = line.owed and self._clock.monotonic() - line.heard_at > self._silent_s
            if silent or line.is_dead:
                self._retire(line)


def _new_producer(bootstrap: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_BATCH_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        compression_type="lz4" if has_lz4() else None,
    )


async def _stop(line: _Line) -> None:
    """Deliver what is owed and close within 5 s; then fail what is left, so that nobody waits for it."""
    if await stop_bounded(line.producer.stop, line.producer.client.close):
        return
    line.producer._message_accumulator.fail_all(ProducerClosed())
    sender = line.producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    for future in list(line.owed):
        if not future.done():
            future.set_exception(ProducerClosed())
