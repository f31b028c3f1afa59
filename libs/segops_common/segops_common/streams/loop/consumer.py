"""The consumer loop for batches: one batch of each partition is processed at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from segops_common.core.tasks import spawn
from segops_common.core.waiting import wait_at_most
from segops_common.streams.log import Committed, Fetched, LogConsumer, NotAssigned, TopicPartition
from segops_common.streams.loop.batch_processor import Stopping
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
from segops_common.streams.loop.group_loop import GroupLoop, LoopNotRunning
from segops_common.streams.loop.partition_buffer import PartitionBuffer

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

_POLL_MOST_S: Final = 0.5
_POLL_BESIDE_FULL_S: Final = 0.02
"""The longest poll while another partition's buffer is full, so that reading resumes as soon as it has room."""
_POLL_LEAST_S: Final = 0.01


class ConsumerLoop(GroupLoop[PartitionBuffer]):
    """Hands over batches, one at a time per partition, `limits.partitions_at_once` at a time in all."""

    def _new_buffer(self, source: TopicPartition, epoch: int, committed: Committed | None) -> PartitionBuffer:
        return PartitionBuffer(source=source, epoch=epoch, committed=committed, limits=self._limits)

    async def _release(self, buffer: PartitionBuffer) -> bool:
        if buffer.is_busy:
            return False
        buffer.raise_failure()
        return True

    async def _advance(self, consumer: LogConsumer, buffers: Mapping[TopicPartition, PartitionBuffer]) -> None:
        now = self._clock.monotonic()
        for buffer in buffers.values():
            if buffer.is_busy:
                continue
            buffer.raise_failure()
            if not buffer.is_broken and buffer.due_in(now) == 0:
                buffer.worker = spawn(self._work_off(consumer, buffer), name=f"{self._group} {buffer.source}")

    async def _work_off(self, consumer: LogConsumer, buffer: PartitionBuffer) -> None:
        """Process the buffer's batches one after the other while any is due."""
        try:
            while not self._processor.stopping.is_set() and buffer.due_in(self._clock.monotonic()) == 0:
                async with self._slots, self._held_assignment(consumer, buffer):
                    await self._process_one(consumer, buffer)
        except (NotAssigned, Stopping, TimeoutError):
            buffer.is_broken = True

    async def _process_one(self, consumer: LogConsumer, buffer: PartitionBuffer) -> None:
        batch, replays = buffer.cut(self._clock.monotonic())
        self._room.set()
        if replays:
            self._observer.replayed(buffer.source)
        await self._processor.process(consumer, batch, repeated=buffer.is_repeating)
        buffer.finish(batch)

    async def _poll(self, consumer: LogConsumer, buffers: Collection[PartitionBuffer]) -> Sequence[Fetched]:
        """Read on where there is room. What is not read stays in the log, which is all the backpressure needed."""
        readable = frozenset(buffer.source for buffer in buffers if buffer.has_room and not buffer.is_broken)
        full = [buffer for buffer in buffers if not buffer.has_room]
        if full and not readable:
            self._room.clear()
            await wait_at_most(self._room, _POLL_MOST_S)
            return ()
        now = self._clock.monotonic()
        soonest_s = min((buffer.due_in(now) for buffer in buffers if not buffer.is_busy), default=_POLL_MOST_S)
        most_s = _POLL_BESIDE_FULL_S if full else _POLL_MOST_S
        return await consumer.poll(
            max_records=self._limits.max_records,
            max_bytes=self._limits.max_bytes,
            wait_s=max(_POLL_LEAST_S, min(soonest_s, most_s)),
            among=readable,
        )
