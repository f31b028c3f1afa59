"""What both consumer loops share: membership of a group, rebalances, waiting for an unavailable log, and shutdown.

A loop keeps one buffer per assigned partition. How records become work is up to the subclass: `ConsumerLoop` hands over
batches, `KeyedLoop` single records. Processing and retrying a batch is `BatchProcessor`'s.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Generic, Protocol, TypeVar

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.retry import full_jitter
from segops_common.core.waiting import end, wait_at_most
from segops_common.streams.log import (
    Committed,
    EventLog,
    Fetched,
    LogConsumer,
    LogUnavailable,
    NotAssigned,
    Record,
    TopicPartition,
)
from segops_common.streams.loop.batch_processor import BatchProcessor
from segops_common.streams.loop.batches import (
    BatchHandler,
    Limits,
    LoopHealth,
    LoopObserver,
    SilentObserver,
    TooManyBadRecords,
)
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic

CANCEL_S: Final = 5.0
"""How long work may take to end once it was cancelled."""
_FAILED_POLLS_TO_REJOIN: Final = 10
_LAG_EVERY_S: Final = 10.0


class LoopNotRunning(Exception):
    """The loop makes no progress, for the reason given."""


class Buffer(Protocol):
    """Records of one partition under one assignment epoch."""

    source: TopicPartition
    epoch: int
    is_broken: bool
    """The partition was lost or its work abandoned: drop the buffer and start again from the committed position."""

    @property
    def position(self) -> int:
        """The next offset to commit."""
        ...

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The work on this partition."""
        ...

    def oldest_ms(self) -> int | None:
        """Return when the oldest record here that is not finished was appended; None when there is none."""
        ...

    def accept(self, records: Sequence[Record], now: float) -> None:
        """Add records that follow those already here; `now` is the clock's monotonic time."""
        ...


B = TypeVar("B", bound=Buffer)


class GroupLoop(ABC, Generic[B]):
    """Reads one topic as a member of `group` and hands its records to `handler`.

    With `record_intent` the range of a batch is stored before it is handled, so that after any crash the next owner
    hands over exactly the same range: a handler whose effect depends on the batch alone then takes effect once.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        group: str,
        topic: Topic,
        handler: BatchHandler,
        dead_letters: DeadLetterTopic,
        faults: FaultPoints,
        clock: Clock,
        limits: Limits,
        record_intent: bool,
        observer: LoopObserver | None = None,
    ) -> None:
        self._log = log
        self._group = group
        self._topic = topic
        self._clock = clock
        self._limits = limits
        self._observer = observer or SilentObserver()
        self._processor = BatchProcessor(
            group=group,
            topic=topic,
            handler=handler,
            dead_letters=dead_letters,
            faults=faults,
            clock=clock,
            limits=limits,
            record_intent=record_intent,
            observer=self._observer,
        )
        self._slots = asyncio.Semaphore(limits.partitions_at_once)
        self._room = asyncio.Event()
        """Set whenever a buffer may have room again."""
        self._problem = "not yet joined the group"
        self._lag_at = float("-inf")

    @property
    def health(self) -> LoopHealth:
        """Not ok before the first successful poll, while a batch keeps failing, or once stopped."""
        if self._problem:
            return LoopHealth(False, self._problem)
        for source, error in self._processor.failing.items():
            return LoopHealth(False, f"a batch of {source.topic}/{source.partition} keeps failing: {error}")
        return LoopHealth(True)

    async def check(self) -> None:
        """Raise LoopNotRunning, with the reason, unless the loop is healthy; for readiness."""
        health = self.health
        if not health.ok:
            raise LoopNotRunning(health.problem)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, surviving every outage of the log; then return within `limits.drain_s`.

        When too many records are bad, leave the group, become unhealthy and wait for `stop`. Raises what a fault point
        or the observer raises.
        """
        delays = full_jitter(base_s=self._limits.retry_first_s, cap_s=self._limits.retry_most_s)
        while not stop.is_set():
            try:
                async with self._log.consumer(self._group, [self._topic]) as consumer:
                    await self._consume(consumer, stop)
            except LogUnavailable as error:
                self._problem = str(error)
                await wait_at_most(stop, next(delays))
            except TooManyBadRecords as error:
                self._problem = f"stopped: {error}"
                await stop.wait()
        self._problem = "stopped"

    @abstractmethod
    def _new_buffer(self, source: TopicPartition, epoch: int, committed: Committed | None) -> B:
        """Return an empty buffer that starts at the committed position."""

    @abstractmethod
    async def _advance(self, consumer: LogConsumer, buffers: Mapping[TopicPartition, B]) -> None:
        """Start and commit what is due. Raises `LogUnavailable`."""

    @abstractmethod
    async def _poll(self, consumer: LogConsumer, buffers: Collection[B]) -> Sequence[Fetched]:
        """Read on where there is room. Raises `LogUnavailable`."""

    @abstractmethod
    async def _release(self, buffer: B) -> bool:
        """Return whether a broken buffer's work has ended, so that the buffer can be dropped. Raises its failure."""

    async def _on_drained(self, consumer: LogConsumer, buffers: Collection[B]) -> None:
        """Do what is left before the consumer leaves the group."""

    async def _consume(self, consumer: LogConsumer, stop: asyncio.Event) -> None:
        """Run one membership of the group. Raises `LogUnavailable` when it is better to join again."""
        self._processor.stopping.clear()
        buffers: dict[TopicPartition, B] = {}
        failures = 0
        try:
            while not stop.is_set():
                try:
                    await self._follow_assignment(consumer, buffers)
                    await self._advance(consumer, buffers)
                    self._accept(buffers, await self._poll(consumer, buffers.values()))
                    failures, self._problem = 0, ""
                    await self._report_lag(consumer, {source: buffer.position for source, buffer in buffers.items()})
                except LogUnavailable as error:
                    failures, self._problem = failures + 1, str(error)
                    if failures == _FAILED_POLLS_TO_REJOIN:
                        raise
                    await wait_at_most(stop, self._limits.retry_first_s * failures)
        finally:
            await self._drain(buffers.values())
            await self._on_drained(consumer, buffers.values())
            for source in buffers:
                self._observer.released(source)

    async def _follow_assignment(self, consumer: LogConsumer, buffers: dict[TopicPartition, B]) -> None:
        """Drop the buffers of lost partitions, and start new ones at the committed position.

        No poll runs at the same time, so no record that was read before the seek can arrive after it.
        """
        assignment = consumer.assignment()
        for source, buffer in list(buffers.items()):
            buffer.is_broken |= assignment.get(source) != buffer.epoch
            if buffer.is_broken and await self._release(buffer):
                del buffers[source]
                self._observer.released(source)
        for source, epoch in assignment.items():
            if source not in buffers:
                with suppress(NotAssigned):
                    committed = await consumer.committed(source)
                    await consumer.seek(source, committed.position if committed else 0)
                    buffer = buffers[source] = self._new_buffer(source, epoch, committed)
                    self._observer.assigned(source, buffer.oldest_ms)

    def _accept(self, buffers: Mapping[TopicPartition, B], fetched: Sequence[Fetched]) -> None:
        now = self._clock.monotonic()
        for part in fetched:
            buffer = buffers.get(part.source)
            if buffer is not None and buffer.epoch == part.epoch and not buffer.is_broken:
                buffer.accept(part.records, now)

    @asynccontextmanager
    async def _held_assignment(self, consumer: LogConsumer, buffer: B) -> AsyncIterator[None]:
        """Keep the partition assigned for the body: one lost and regained must not be committed backwards.

        Raises `NotAssigned`, or TimeoutError when a rebalance has waited for the body long enough.
        """
        async with consumer.lock.shared(give_up_s=self._limits.give_up_s):
            if consumer.assignment().get(buffer.source) != buffer.epoch:
                raise NotAssigned(f"{buffer.source} was reassigned")
            yield

    async def _report_lag(self, consumer: LogConsumer, positions: Mapping[TopicPartition, int]) -> None:
        if not positions or self._clock.monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = self._clock.monotonic()
        for source, next_offset in (await consumer.end_offsets(positions.keys())).items():
            self._observer.lagging(source, max(0, next_offset - positions[source]))

    async def _drain(self, buffers: Iterable[B]) -> None:
        """Let running work end, or abandon it: a recorded intent stays for the next owner."""
        self._processor.stopping.set()
        running = [task for buffer in buffers for task in buffer.tasks if not task.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=self._limits.drain_s)
            await end(late, within_s=CANCEL_S)
