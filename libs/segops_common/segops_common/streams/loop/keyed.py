"""The consumer loop for long work: records of different keys side by side, so that no key waits for another's."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from segops_common.core.tasks import spawn
from segops_common.core.waiting import end, wait_at_most
from segops_common.streams.log import (
    Fetched,
    LogConsumer,
    LogError,
    LogUnavailable,
    NotAssigned,
    Record,
    TopicPartition,
)
from segops_common.streams.loop.batch_work import Stopping
from segops_common.streams.loop.batches import Batch, TooManyBadRecords
from segops_common.streams.loop.consumer import ConsumerLoop

_POLL_S: Final = 0.5
_POLL_BESIDE_WORK_S: Final = 0.1
_FAILED_POLLS_TO_REJOIN: Final = 10
_CANCEL_S: Final = 5.0


class _KeyedLane:
    """What is held of one partition under one assignment epoch."""

    def __init__(self, *, source: TopicPartition, epoch: int, position: int) -> None:
        self.source = source
        self.epoch = epoch
        self.committed = position
        self.is_broken = False
        """The partition was lost or the work given up: drop the lane and start from what is committed."""
        self.waiting: defaultdict[bytes, deque[Record]] = defaultdict(deque)
        self.workers: dict[bytes, asyncio.Task[None]] = {}
        self._unfinished: dict[int, int] = {}
        self._end = position

    @property
    def position(self) -> int:
        """The offset before which every record is finished."""
        return next(iter(self._unfinished), self._end)

    @property
    def is_idle(self) -> bool:
        """Whether everything that came is finished and committed."""
        return self.committed == self._end

    def has_room(self, max_records: int, max_bytes: int) -> bool:
        """Whether to read on: finished records count too as long as one before them is not."""
        return self._end - self.position < max_records and sum(self._unfinished.values()) < max_bytes

    def accept(self, record: Record) -> None:
        """Put the record behind those of its key."""
        self._end = record.offset + 1
        self._unfinished[record.offset] = record.size
        self.waiting[record.key].append(record)

    def finish(self, record: Record) -> None:
        """The record is done."""
        del self._unfinished[record.offset]


class KeyedLoop(ConsumerLoop):
    """Hands over single records: of a key one after the other and in order, of several keys side by side.

    A position is committed when every record before it is finished, so after a crash finished ones may come again:
    the handler's effect must be repeatable, whatever came after it. `limits.partitions_at_once` counts keys here;
    `limits.max_records` and `max_bytes` bound how far one partition is read ahead of its oldest unfinished record.
    """

    _too_many: TooManyBadRecords | None = None

    async def _consume(self, consumer: LogConsumer, stop: asyncio.Event) -> None:
        self._work.stopping.clear()
        self._too_many = None
        lanes: dict[TopicPartition, _KeyedLane] = {}
        failures = 0
        try:
            while not stop.is_set():
                if self._too_many is not None:
                    raise self._too_many
                try:
                    await self._keep(consumer, lanes)
                    await self._commit(consumer, lanes.values())
                    self._take_in(consumer, lanes, await self._read(consumer, lanes.values()))
                    failures, self._problem = 0, ""
                    await self._report_lag(consumer, {source: lane.position for source, lane in lanes.items()})
                except LogUnavailable as error:
                    failures, self._problem = failures + 1, str(error)
                    if failures == _FAILED_POLLS_TO_REJOIN:
                        raise
                    await wait_at_most(stop, self._limits.retry_first_s * failures)
        finally:
            await self._end(consumer, lanes.values())

    async def _keep(self, consumer: LogConsumer, lanes: dict[TopicPartition, _KeyedLane]) -> None:
        """Drop what was lost, and begin what was gained at the committed position."""
        assignment = consumer.assignment()
        for source, lane in list(lanes.items()):
            if lane.is_broken or assignment.get(source) != lane.epoch:
                await end(_busy([lane]), within_s=_CANCEL_S)
                del lanes[source]
        for source, epoch in assignment.items():
            if source not in lanes:
                with suppress(NotAssigned):
                    committed = await consumer.committed(source)
                    position = committed.position if committed else 0
                    await consumer.seek(source, position)
                    lanes[source] = _KeyedLane(source=source, epoch=epoch, position=position)

    async def _commit(self, consumer: LogConsumer, lanes: Iterable[_KeyedLane]) -> None:
        for lane in lanes:
            if lane.position != lane.committed:
                try:
                    await self._commit_lane(consumer, lane)
                except (NotAssigned, TimeoutError):
                    lane.is_broken = True

    async def _commit_lane(self, consumer: LogConsumer, lane: _KeyedLane) -> None:
        """The assignment is held still: a partition that was lost and regained must not be committed backwards."""
        position = lane.position
        async with consumer.lock.shared(give_up_s=self._limits.give_up_s):
            if consumer.assignment().get(lane.source) != lane.epoch:
                raise NotAssigned(f"{lane.source} was assigned anew")
            await consumer.commit(lane.source, position)
            lane.committed = position

    async def _read(self, consumer: LogConsumer, lanes: Collection[_KeyedLane]) -> Sequence[Fetched]:
        limits = self._limits
        hungry = [lane for lane in lanes if not lane.is_broken and lane.has_room(limits.max_records, limits.max_bytes)]
        wait_s = _POLL_S if all(lane.is_idle for lane in lanes) else _POLL_BESIDE_WORK_S
        if lanes and not hungry:
            await self._clock.sleep(wait_s)
            return ()
        return await consumer.poll(
            max_records=limits.max_records,
            max_bytes=limits.max_bytes,
            wait_s=wait_s,
            among=frozenset(lane.source for lane in hungry),
        )

    def _take_in(
        self, consumer: LogConsumer, lanes: dict[TopicPartition, _KeyedLane], fetched: Sequence[Fetched]
    ) -> None:
        for part in fetched:
            lane = lanes.get(part.source)
            if lane is None or lane.epoch != part.epoch or lane.is_broken:
                continue
            for record in part.records:
                lane.accept(record)
                if record.key not in lane.workers:
                    work = self._work_off_key(consumer, lane, record.key)
                    lane.workers[record.key] = spawn(work, name=f"{self._group} {lane.source} {record.key!r}")

    async def _work_off_key(self, consumer: LogConsumer, lane: _KeyedLane, key: bytes) -> None:
        """Handle the key's records one after the other until none waits."""
        waiting = lane.waiting[key]
        try:
            while waiting and not self._work.stopping.is_set():
                # Those who wait for a slot are served in turn: a key with much to do does not keep the others out.
                async with self._slots, consumer.lock.shared(give_up_s=self._limits.give_up_s):
                    if consumer.assignment().get(lane.source) != lane.epoch:
                        raise NotAssigned(f"{lane.source} was assigned anew")
                    await self._work.handle(_alone(lane.source, waiting[0]), repeated=True)
                lane.finish(waiting.popleft())
        except (NotAssigned, Stopping, TimeoutError):
            lane.is_broken = True
        except TooManyBadRecords as error:
            self._too_many = error
        finally:
            del lane.workers[key], lane.waiting[key]

    async def _end(self, consumer: LogConsumer, lanes: Collection[_KeyedLane]) -> None:
        """Let what is in flight end, or abandon it; commit what is finished."""
        self._work.stopping.set()
        busy = _busy(lanes)
        if busy:
            _, late = await asyncio.wait(busy, timeout=self._limits.drain_s)
            await end(late, within_s=_CANCEL_S)
        with suppress(LogError, TimeoutError):
            async with asyncio.timeout(_CANCEL_S):
                await self._commit(consumer, lanes)


def _busy(lanes: Iterable[_KeyedLane]) -> list[asyncio.Task[Any]]:
    return [task for lane in lanes for task in lane.workers.values()]


def _alone(source: TopicPartition, record: Record) -> Batch:
    return Batch(
        topic=source.topic,
        partition=source.partition,
        first_offset=record.offset,
        last_offset=record.offset,
        records=(record,),
    )
