"""The consumer loop for long work: records with different keys are processed side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from segops_common.core.tasks import spawn
from segops_common.core.waiting import end, wait_at_most
from segops_common.streams.log import (
    Committed,
    Fetched,
    LogConsumer,
    LogError,
    NotAssigned,
    Record,
    TopicPartition,
)
from segops_common.streams.loop.batch_processor import Stopping
from segops_common.streams.loop.batches import Batch, TooManyBadRecords
from segops_common.streams.loop.group_loop import CANCEL_S, GroupLoop

_POLL_S: Final = 0.5
_POLL_BESIDE_WORK_S: Final = 0.1


class KeyedBuffer:
    """Records of one partition by key, and the tasks that process them; made anew at every assignment."""

    def __init__(self, *, source: TopicPartition, epoch: int, committed: Committed | None) -> None:
        self.source = source
        self.epoch = epoch
        self.committed = committed.position if committed else 0
        self.is_broken = False
        """The partition was lost or its work abandoned: drop the buffer and start again from the committed position."""
        self.pending: defaultdict[bytes, deque[Record]] = defaultdict(deque)
        self.workers: dict[bytes, asyncio.Task[None]] = {}
        self._unfinished: dict[int, Record] = {}
        self._end = self.committed

    @property
    def position(self) -> int:
        """The offset before which every record is finished."""
        return next(iter(self._unfinished), self._end)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """One task for each key that has pending records."""
        return self.workers.values()

    @property
    def is_idle(self) -> bool:
        """Whether every record is finished and committed."""
        return self.committed == self._end

    def has_room(self, max_records: int, max_bytes: int) -> bool:
        """Whether to read on. A finished record counts as long as an earlier one is unfinished."""
        return self._end - self.position < max_records and self._unfinished_bytes() < max_bytes

    def accept(self, records: Sequence[Record], now: float) -> None:  # noqa: ARG002
        """Add each record after the earlier ones of its key."""
        for record in records:
            self._end = record.offset + 1
            self._unfinished[record.offset] = record
            self.pending[record.key].append(record)

    def finish(self, record: Record) -> None:
        """Mark the record as finished."""
        del self._unfinished[record.offset]

    def oldest_ms(self) -> int | None:
        """Return when the oldest record that is not finished was appended; None when there is none."""
        record = next(iter(self._unfinished.values()), None)
        return None if record is None else record.timestamp_ms

    def _unfinished_bytes(self) -> int:
        return sum(record.size for record in self._unfinished.values())


class KeyedLoop(GroupLoop[KeyedBuffer]):
    """Hands over single records: those with equal keys in order, those with different keys side by side.

    A position is committed when every record before it is finished, so after a crash finished records may come again:
    the handler's effect must be repeatable, even after later ones. `limits.partitions_at_once` counts keys here;
    `limits.max_records` and `max_bytes` bound how far a partition is read ahead of its oldest unfinished record.
    """

    _too_many: TooManyBadRecords | None = None

    def _new_buffer(self, source: TopicPartition, epoch: int, committed: Committed | None) -> KeyedBuffer:
        return KeyedBuffer(source=source, epoch=epoch, committed=committed)

    async def _release(self, buffer: KeyedBuffer) -> bool:
        await end(list(buffer.tasks), within_s=CANCEL_S)
        return True

    async def _consume(self, consumer: LogConsumer, stop: asyncio.Event) -> None:
        self._too_many = None
        await super()._consume(consumer, stop)

    async def _advance(self, consumer: LogConsumer, buffers: Mapping[TopicPartition, KeyedBuffer]) -> None:
        if self._too_many is not None:
            raise self._too_many
        for buffer in buffers.values():
            if buffer.is_broken:
                continue
            for key in buffer.pending.keys() - buffer.workers.keys():
                work = self._work_off_key(consumer, buffer, key)
                buffer.workers[key] = spawn(work, name=f"{self._group} {buffer.source} {key!r}")
        await self._commit(consumer, buffers.values())

    async def _commit(self, consumer: LogConsumer, buffers: Collection[KeyedBuffer]) -> None:
        for buffer in buffers:
            if buffer.position != buffer.committed:
                try:
                    async with self._held_assignment(consumer, buffer):
                        position = buffer.position
                        await consumer.commit(buffer.source, position)
                        buffer.committed = position
                except (NotAssigned, TimeoutError):
                    buffer.is_broken = True

    async def _poll(self, consumer: LogConsumer, buffers: Collection[KeyedBuffer]) -> Sequence[Fetched]:
        limits = self._limits
        readable = frozenset(
            buffer.source
            for buffer in buffers
            if not buffer.is_broken and buffer.has_room(limits.max_records, limits.max_bytes)
        )
        wait_s = _POLL_S if all(buffer.is_idle for buffer in buffers) else _POLL_BESIDE_WORK_S
        if buffers and not readable:
            self._room.clear()
            await wait_at_most(self._room, wait_s)
            return ()
        return await consumer.poll(
            max_records=limits.max_records, max_bytes=limits.max_bytes, wait_s=wait_s, among=readable
        )

    async def _work_off_key(self, consumer: LogConsumer, buffer: KeyedBuffer, key: bytes) -> None:
        """Process the key's records one after the other until none is pending."""
        pending = buffer.pending[key]
        try:
            while pending and not self._processor.stopping.is_set():
                # The semaphore is fair: a key with many records does not keep the others out.
                async with self._slots, self._held_assignment(consumer, buffer):
                    await self._processor.process_uncommitted(_batch_of(buffer.source, pending[0]))
                buffer.finish(pending.popleft())
                self._room.set()
        except (NotAssigned, Stopping, TimeoutError):
            buffer.is_broken = True
        except TooManyBadRecords as error:
            self._too_many = error
        finally:
            del buffer.workers[key], buffer.pending[key]

    async def _on_drained(self, consumer: LogConsumer, buffers: Collection[KeyedBuffer]) -> None:
        """Commit what finished while the loop was stopping."""
        with suppress(LogError, TimeoutError):
            async with asyncio.timeout(CANCEL_S):
                await self._commit(consumer, buffers)


def _batch_of(source: TopicPartition, record: Record) -> Batch:
    return Batch(
        topic=source.topic,
        partition=source.partition,
        first_offset=record.offset,
        last_offset=record.offset,
        records=(record,),
    )
