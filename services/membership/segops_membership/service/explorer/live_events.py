"""Streams events as they are accepted, from the log: one reader for all streams of a process.

A stream that resumes reads what it has missed from the log itself, up to where the shared reader was when it joined.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import orjson
from pydantic import ValidationError

from segops_common.contracts.events import EventRow
from segops_common.contracts.topics import EVENTS, SINK_GROUP
from segops_common.core.clock import Clock
from segops_common.core.problems import Fault, RateLimited, Unavailable, ValidationFailed
from segops_common.core.tasks import spawn
from segops_common.streams.log import EventLog, LogError, OffsetOutOfRange, Record
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.live_events import LiveEvent, StreamPosition, accepts, instant_of_row
from segops_membership.domain.explorer.records import EventFilter

MAX_STREAMS: Final = 200
MAX_STREAMS_OF_A_TENANT: Final = 20
MAX_WAITING: Final = 1_000
"""Events that wait for a slow client. Beyond that its stream ends, and resumes when the client reconnects."""
HEARTBEAT_S: Final = 10.0
_CHECK_EVERY_S: Final = 0.5
_PROGRESS_EVERY_S: Final = 1.0
_CATCH_UP_SILENCE_S: Final = 5.0
_RETRY_AFTER_S: Final = 5
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """What a stream sends next: an event, nothing new (neither), or that events are missing before this point."""

    position: StreamPosition
    event: LiveEvent | None = None
    is_gap: bool = False


@dataclass(eq=False, slots=True)
class _Subscriber:
    tenant_id: int
    events: EventFilter
    queue: asyncio.Queue[LiveEvent | None] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    is_closed: bool = False

    def send(self, event: LiveEvent) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.is_closed = True


class LiveEvents:
    """Streams the events of a tenant, within limits for the process and for each tenant. Imports are not streamed."""

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        max_streams: int = MAX_STREAMS,
        max_streams_of_a_tenant: int = MAX_STREAMS_OF_A_TENANT,
    ) -> None:
        self._log = log
        self._clock = clock
        self._max_streams = max_streams
        self._max_streams_of_a_tenant = max_streams_of_a_tenant
        self._by_tenant: Counter[int] = Counter()
        self._tail: _Tail | None = None

    async def open(self, tenant_id: int, last_event_id: str | None) -> StreamPosition:
        """Return where a stream begins: after the last event that the client received, or at the end of the log.

        Raises RateLimited, Unavailable, or ValidationFailed for an id that no stream has sent.
        """
        self._require_capacity(tenant_id)
        try:
            ends = await self._log.ends(EVENTS)
        except LogError as error:
            raise Unavailable("The event log cannot be read now. Retry.", retry_after_s=1) from error
        if last_event_id is None:
            return StreamPosition(tuple((ends[partition], 0) for partition in range(EVENTS.partitions)))
        position = StreamPosition.of_token(last_event_id, EVENTS.partitions)
        if position is None or any(place > (ends[number], 0) for number, place in enumerate(position.places)):
            fault = Fault("header.Last-Event-ID", "invalid-event-id", "must be the id of an event of this stream")
            raise ValidationFailed("`Last-Event-ID` must be the id of an event of this stream.", errors=[fault])
        return position

    async def follow(
        self,
        tenant_id: int,
        events: EventFilter,
        position: StreamPosition,
        *,
        timeout_s: float,
        stopping: Callable[[], bool],
    ) -> AsyncGenerator[LiveMessage, None]:
        """Yield the position, then accepted events from it on, each once and in the order of their partition.

        Yields the position again when there was no event for HEARTBEAT_S. Ends after `timeout_s`, soon after `stopping`
        returns true, when the client is too slow, and when the log does not answer: the client resumes by its last id.
        """
        ends_at = self._clock.monotonic() + timeout_s
        with self._subscribe(tenant_id, events) as (tail, subscriber), suppress(LogError):
            yield LiveMessage(position)
            await tail.ready()
            joined = dict(tail.next)
            async with aclosing(self._catch_up(subscriber, position, joined)) as missed:
                async for message in missed:
                    position = message.position
                    yield message
            yielded_at = self._clock.monotonic()
            while (now := self._clock.monotonic()) < ends_at and not (
                stopping() or subscriber.is_closed or tail.failed
            ):
                event = await _next(subscriber, min(_CHECK_EVERY_S, ends_at - now))
                if event is not None and (event.offset, event.index) >= position.places[event.partition]:
                    position = position.at(event.partition, event.next)
                elif event is not None or now < yielded_at + HEARTBEAT_S:
                    continue
                elif subscriber.queue.empty():
                    position = position.advanced(tail.next)
                yielded_at = now
                yield LiveMessage(position, event)

    def _require_capacity(self, tenant_id: int) -> None:
        if self._by_tenant[tenant_id] >= self._max_streams_of_a_tenant:
            raise RateLimited(
                f"At most {self._max_streams_of_a_tenant} streams of a tenant's events can be open. Close a stream or"
                " retry later.",
                retry_after_s=_RETRY_AFTER_S,
            )
        if self._by_tenant.total() >= self._max_streams:
            raise Unavailable(
                "The server streams events to as many clients as it can. Retry later.",
                retry_after_s=_RETRY_AFTER_S,
                slug="too-many-streams",
            )

    @contextmanager
    def _subscribe(self, tenant_id: int, events: EventFilter) -> Iterator[tuple[_Tail, _Subscriber]]:
        if self._tail is None or self._tail.failed or not self._tail.subscribers:
            self._tail = _Tail(self._log, self._clock)
        tail = self._tail
        subscriber = _Subscriber(tenant_id, events)
        tail.subscribers.add(subscriber)
        self._by_tenant[tenant_id] += 1
        tail.start()
        try:
            yield tail, subscriber
        finally:
            self._by_tenant[tenant_id] -= 1
            tail.subscribers.discard(subscriber)
            if not tail.subscribers:
                tail.stop()

    async def _catch_up(
        self, subscriber: _Subscriber, position: StreamPosition, joined: Mapping[int, int]
    ) -> AsyncGenerator[LiveMessage, None]:
        """Yield the events between a position and the offsets at which the shared reader was."""
        stored = await self._log.positions(SINK_GROUP, EVENTS)
        for partition, end in joined.items():
            offset, index = position.places[partition]
            if offset >= end:
                continue
            try:
                async with aclosing(self._records(partition, offset, end)) as records:
                    async for record in records:
                        for event in _events(partition, record, subscriber, stored):
                            if (event.offset, event.index) >= (offset, index):
                                position = position.at(partition, event.next)
                                yield LiveMessage(position, event)
            except OffsetOutOfRange:
                yield LiveMessage(position.advanced({partition: end}), is_gap=True)
            position = position.advanced({partition: end})

    async def _records(self, partition: int, offset: int, end: int) -> AsyncGenerator[Record, None]:
        """Yield the records between two offsets. Raises LogError."""
        async with self._log.follow(EVENTS, partition, offset) as batches:
            while True:
                records = await _within(_CATCH_UP_SILENCE_S, anext(batches))
                for record in records:
                    if record.offset < end:
                        yield record
                if records[-1].offset >= end - 1:
                    return


class _Tail:
    """Reads the log from its end and passes events on to all subscribers."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._ready = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.subscribers: set[_Subscriber] = set()
        self.next: dict[int, int] = {}
        """The offset to read next, by partition."""
        self.stored: Mapping[int, int] = {}
        self.failed = False

    def start(self) -> None:
        if self._running is None:
            self._running = spawn(self._run(), name="live events")

    def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def ready(self) -> None:
        """Return when `next` is known. Raises LogError when the log does not answer."""
        await self._ready.wait()
        if self.failed:
            raise LogError("the log cannot be followed")

    async def _run(self) -> None:
        try:
            self.next = dict(await self._log.ends(EVENTS))
            self.stored = await self._log.positions(SINK_GROUP, EVENTS)
            self._ready.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_progress())
                for partition in self.next:
                    group.create_task(self._follow(partition))
        except* LogError as errors:
            _log.warning("live events end: %r", errors.exceptions[0])
        finally:
            self.failed = True
            self._ready.set()

    async def _follow(self, partition: int) -> None:
        async with self._log.follow(EVENTS, partition, self.next[partition]) as batches:
            async for records in batches:
                for record in records:
                    for subscriber in list(self.subscribers):
                        for event in _events(partition, record, subscriber, self.stored):
                            subscriber.send(event)
                    self.next[partition] = record.offset + 1

    async def _watch_progress(self) -> None:
        while True:
            await self._clock.sleep(_PROGRESS_EVERY_S)
            self.stored = await self._log.positions(SINK_GROUP, EVENTS)


async def _within(seconds: float, records: Awaitable[T]) -> T:
    """Return what is awaited. Raises LogError when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await records
    except TimeoutError as error:
        raise LogError("the log is silent") from error


async def _next(subscriber: _Subscriber, timeout_s: float) -> LiveEvent | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await subscriber.queue.get()
    except TimeoutError:
        return None


def _events(partition: int, record: Record, subscriber: _Subscriber, stored: Mapping[int, int]) -> Iterator[LiveEvent]:
    """Yield the events of a record that a subscriber receives. The key of a record names its tenant."""
    if not record.key.startswith(b"%d:" % subscriber.tenant_id):
        return
    is_stored = stored.get(partition, 0) > record.offset
    for index, line in enumerate(record.value.splitlines()):
        try:
            row = EventRow.model_validate_json(line)
        except ValidationError:
            # The sink puts it into the dead letters.
            continue
        payload = orjson.dumps(row.payload).decode() if subscriber.events.text else ""
        if row.tenant_id == subscriber.tenant_id and accepts(
            subscriber.events, row, to_ms(instant_of_row(row.timestamp)), payload
        ):
            yield LiveEvent(partition, record.offset, index, row, is_stored)
