"""The records of one partition that wait to be processed, and the rule by which batches are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import islice

from segops_common.streams.log import Committed, Record, TopicPartition
from segops_common.streams.loop.batches import Batch, Limits


class PartitionBuffer:
    """Records of one partition under one assignment epoch; made anew at every assignment."""

    def __init__(self, *, source: TopicPartition, epoch: int, committed: Committed | None, limits: Limits) -> None:
        self.source = source
        self.epoch = epoch
        self.position = committed.position if committed else 0
        """The next offset to commit."""
        self.is_broken = False
        """The partition was lost or its work abandoned: drop the buffer and start again from the committed position."""
        self.worker: asyncio.Task[None] | None = None
        self.is_repeating = True
        """Whether the next batch may have been handled before: true until the first one is committed."""
        self._pending_end = _pending_end(committed)
        self._limits = limits
        self._records: list[Record] = []
        self._bytes = 0
        self._oldest_at = 0.0
        self._in_hand_ms: int | None = None
        """When the first record of the batch that is being processed was appended."""

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The task that processes batches, once there is one."""
        return () if self.worker is None else (self.worker,)

    @property
    def is_busy(self) -> bool:
        """Whether a batch is being processed."""
        return self.worker is not None and not self.worker.done()

    def raise_failure(self) -> None:
        """Raise the error with which the worker ended, if any. The worker must have ended."""
        if self.worker is not None:
            self.worker.result()

    @property
    def has_room(self) -> bool:
        """Whether to read on. A recorded range is always read to its end."""
        if self._pending_end is not None:
            return not self._covers_pending
        return len(self._records) < self._limits.max_records and self._bytes < self._limits.max_bytes

    def accept(self, records: Sequence[Record], now: float) -> None:
        """Add records that follow those already here; `now` is the clock's monotonic time."""
        if not self._records:
            self._oldest_at = now
        self._records += records
        self._bytes += sum(record.size for record in records)

    def due_in(self, now: float) -> float:
        """Return the seconds until a batch may be cut: 0 when one is due, infinity when none will be."""
        if not self._records:
            return float("inf")
        if self._pending_end is not None:
            return 0.0 if self._covers_pending else float("inf")
        if not self.has_room:
            return 0.0
        return max(0.0, self._oldest_at + self._limits.max_age_s - now)

    def cut(self, now: float) -> tuple[Batch, bool]:
        """Remove and return the next batch, and whether it repeats a recorded intent with exactly its range."""
        first = max(self.position, self._records[0].offset)
        count, last = self._next_range()
        replays = self._pending_end is not None and count > 0
        self._pending_end = None
        if count == 0:
            return self.cut(now)
        records = tuple(self._records[:count])
        del self._records[:count]
        self._bytes -= sum(record.size for record in records)
        self._oldest_at = now
        self._in_hand_ms = records[0].timestamp_ms
        batch = Batch(
            topic=self.source.topic,
            partition=self.source.partition,
            first_offset=first,
            last_offset=last,
            records=records,
        )
        return batch, replays

    def finish(self, batch: Batch) -> None:
        """Mark the batch that was cut last as processed and committed."""
        self.position = batch.last_offset + 1
        self.is_repeating = False
        self._in_hand_ms = None

    def oldest_ms(self) -> int | None:
        """Return when the oldest record that is not finished was appended; None when there is none."""
        if self._in_hand_ms is not None or not self._records:
            return self._in_hand_ms
        return self._records[0].timestamp_ms

    @property
    def _covers_pending(self) -> bool:
        return self._pending_end is not None and bool(self._records) and self._records[-1].offset >= self._pending_end

    def _next_range(self) -> tuple[int, int]:
        """Return the number of records and the last offset; 0 records when retention dropped a whole recorded range."""
        if self._pending_end is not None:
            end = self._pending_end
            return sum(1 for record in self._records if record.offset <= end), end
        size = 0
        for count, record in enumerate(islice(self._records, self._limits.max_records), start=1):
            size += record.size
            if size >= self._limits.max_bytes:
                return count, record.offset
        count = min(len(self._records), self._limits.max_records)
        return count, self._records[count - 1].offset


def intent(last_offset: int) -> str:
    """Return the metadata, stored with a position, that says: a batch up to this offset may have been handled."""
    return str(last_offset)


def _pending_end(committed: Committed | None) -> int | None:
    if committed is None or not committed.metadata.isdecimal():
        return None
    return int(committed.metadata)
