"""The one consumer loop: it owns poll, backpressure, rebalance, retries and shutdown; handlers contain no loop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.retry import full_jitter
from segops_common.core.tasks import spawn
from segops_common.core.waiting import end, wait_at_most
from segops_common.streams.log import EventLog, Fetched, LogConsumer, LogUnavailable, NotAssigned, TopicPartition
from segops_common.streams.loop.batch_work import BatchWork, Stopping
from segops_common.streams.loop.batches import (
    BadRecord,
    BadRecords,
    Batch,
    BatchHandler,
    DataError,
    Limits,
    LoopHealth,
    LoopObserver,
    SilentObserver,
    TooManyBadRecords,
)
from segops_common.streams.loop.dead_letters import DeadLetters
from segops_common.streams.loop.partition_buffer import Lane

__all__ = [
    "BadRecord",
    "BadRecords",
    "Batch",
    "BatchHandler",
    "ConsumerLoop",
    "DataError",
    "Limits",
    "LoopHealth",
    "LoopNotRunning",
    "LoopObserver",
    "SilentObserver",
    "TooManyBadRecords",
]

_POLL_MOST_S = 0.5
_POLL_BESIDE_FULL_S = 0.02
"""While a partition has no room, others are waited for this long at most, so that it is read on as soon as it has."""
_POLL_LEAST_S = 0.01
_FAILED_POLLS_TO_REJOIN = 10
_LAG_EVERY_S = 10.0
_CANCEL_S = 5.0


class LoopNotRunning(Exception):
    """The loop makes no progress, for the reason given."""


class ConsumerLoop:
    """Reads one topic as a member of `group` and hands batches to `handler`, one in flight per partition.

    With `record_intent` the range of a batch is stored before it is handled, so that after any crash the next owner
    hands over exactly the same range: a handler whose effect depends on the batch alone then happens once.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        group: str,
        topic: Topic,
        handler: BatchHandler,
        dead_letters: DeadLetters,
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
        self._work = BatchWork(
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
        self._problem = "not yet joined the group"
        self._lag_at = float("-inf")

    @property
    def health(self) -> LoopHealth:
        """For readiness: not ok before the first successful poll, while a batch keeps failing, or once stopped."""
        if self._problem:
            return LoopHealth(False, self._problem)
        for source, error in self._work.failing.items():
            return LoopHealth(False, f"a batch of {source.topic}/{source.partition} keeps failing: {error}")
        return LoopHealth(True)

    async def check(self) -> None:
        """For readiness: raises LoopNotRunning, with the reason, unless healthy."""
        health = self.health
        if not health.ok:
            raise LoopNotRunning(health.problem)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, surviving every outage of the log; then returns within `limits.drain_s`.

        When too many records are bad it leaves the group, is no longer healthy and waits for `stop`. Raises what a
        fault point or the observer raises.
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

    async def _consume(self, consumer: LogConsumer, stop: asyncio.Event) -> None:
        """One membership of the group. Raises `LogUnavailable` when joining again is the better way."""
        self._work.stopping.clear()
        lanes: dict[TopicPartition, Lane] = {}
        failures = 0
        try:
            while not stop.is_set():
                try:
                    await self._keep_lanes(consumer, lanes)
                    self._start_workers(consumer, lanes.values())
                    self._accept(lanes, await self._poll(consumer, lanes.values()))
                    failures, self._problem = 0, ""
                    await self._report_lag(consumer, {source: lane.position for source, lane in lanes.items()})
                except LogUnavailable as error:
                    failures, self._problem = failures + 1, str(error)
                    if failures == _FAILED_POLLS_TO_REJOIN:
                        raise
                    await wait_at_most(stop, self._limits.retry_first_s * failures)
        finally:
            await self._drain(lanes.values())

    async def _keep_lanes(self, consumer: LogConsumer, lanes: dict[TopicPartition, Lane]) -> None:
        """Drop what was lost, and begin what was gained at the committed position.

        Nothing is being polled meanwhile, so no record read before the seek can arrive after it.
        """
        assignment = consumer.assignment()
        for source, lane in list(lanes.items()):
            lane.is_broken |= assignment.get(source) != lane.epoch
            if not lane.is_busy:
                if lane.worker is not None:
                    lane.worker.result()
                if lane.is_broken:
                    del lanes[source]
        for source, epoch in assignment.items():
            if source not in lanes:
                with suppress(NotAssigned):
                    committed = await consumer.committed(source)
                    await consumer.seek(source, committed.position if committed else 0)
                    lanes[source] = Lane(source=source, epoch=epoch, committed=committed, limits=self._limits)

    def _start_workers(self, consumer: LogConsumer, lanes: Iterable[Lane]) -> None:
        now = self._clock.monotonic()
        for lane in lanes:
            if not lane.is_busy and not lane.is_broken and lane.due_in(now) == 0:
                lane.worker = spawn(self._work_off(consumer, lane), name=f"{self._group} {lane.source}")

    async def _work_off(self, consumer: LogConsumer, lane: Lane) -> None:
        """Handle the lane's batches one after the other while any is due."""
        try:
            while not self._work.stopping.is_set() and lane.due_in(self._clock.monotonic()) == 0:
                async with self._slots, consumer.lock.shared(give_up_s=self._limits.give_up_s):
                    if consumer.assignment().get(lane.source) != lane.epoch:
                        raise NotAssigned(f"{lane.source} was assigned anew")
                    await self._work_one(consumer, lane)
        except (NotAssigned, Stopping, TimeoutError):
            lane.is_broken = True

    async def _work_one(self, consumer: LogConsumer, lane: Lane) -> None:
        batch, replays = lane.cut(self._clock.monotonic())
        self._room.set()
        if replays:
            self._observer.replayed(lane.source)
        await self._work.do(consumer, batch, repeated=lane.is_repeating)
        lane.position = batch.last_offset + 1
        lane.is_repeating = False

    async def _poll(self, consumer: LogConsumer, lanes: Collection[Lane]) -> Sequence[Fetched]:
        """Read on where there is room; elsewhere the log keeps what comes, which is all the backpressure needed."""
        hungry = frozenset(lane.source for lane in lanes if lane.has_room and not lane.is_broken)
        full = [lane for lane in lanes if not lane.has_room]
        if full and not hungry:
            self._room.clear()
            await wait_at_most(self._room, _POLL_MOST_S)
            return ()
        now = self._clock.monotonic()
        soonest = min((lane.due_in(now) for lane in lanes if not lane.is_busy), default=_POLL_MOST_S)
        most_s = _POLL_BESIDE_FULL_S if full else _POLL_MOST_S
        return await consumer.poll(
            max_records=self._limits.max_records,
            max_bytes=self._limits.max_bytes,
            wait_s=max(_POLL_LEAST_S, min(soonest, most_s)),
            among=hungry,
        )

    def _accept(self, lanes: dict[TopicPartition, Lane], fetched: Sequence[Fetched]) -> None:
        now = self._clock.monotonic()
        for part in fetched:
            lane = lanes.get(part.source)
            if lane is not None and lane.epoch == part.epoch and not lane.is_broken:
                lane.accept(part.records, now)

    async def _report_lag(self, consumer: LogConsumer, positions: Mapping[TopicPartition, int]) -> None:
        if not positions or self._clock.monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = self._clock.monotonic()
        for source, next_offset in (await consumer.end_offsets(positions.keys())).items():
            self._observer.lagging(source, max(0, next_offset - positions[source]))

    async def _drain(self, lanes: Iterable[Lane]) -> None:
        """Let the batches in flight end, or abandon them: a recorded intent stays for the next owner."""
        self._work.stopping.set()
        busy = [lane.worker for lane in lanes if lane.worker is not None and not lane.worker.done()]
        if not busy:
            return
        _, late = await asyncio.wait(busy, timeout=self._limits.drain_s)
        await end(late, within_s=_CANCEL_S)
