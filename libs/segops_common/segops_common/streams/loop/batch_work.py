"""What is done with one batch: intent, handling, dead letters, commit, and patience with everything that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.retry import full_jitter
from segops_common.core.waiting import wait_at_most
from segops_common.streams.log import LogConsumer, LogUnavailable, TopicPartition
from segops_common.streams.loop.bad_record_limit import BadRecordLimit
from segops_common.streams.loop.batches import (
    BadRecord,
    BadRecords,
    Batch,
    BatchHandler,
    DataError,
    Limits,
    LoopObserver,
    TooManyBadRecords,
)
from segops_common.streams.loop.dead_letters import DeadLetters
from segops_common.streams.loop.partition_buffer import intent

_log = logging.getLogger(__name__)
_WORRYING_ATTEMPTS = 3


class Stopping(Exception):
    """The loop is stopping, so what would have been tried again is left to the next owner."""


class BatchWork:
    """Handles batches for a group; the caller keeps the assignment still meanwhile."""

    def __init__(
        self,
        *,
        group: str,
        topic: Topic,
        handler: BatchHandler,
        dead_letters: DeadLetters,
        faults: FaultPoints,
        clock: Clock,
        limits: Limits,
        record_intent: bool,
        observer: LoopObserver,
    ) -> None:
        self._group = group
        self._topic = topic
        self._handler = handler
        self._dead_letters = dead_letters
        self._faults = faults
        self._clock = clock
        self._limits = limits
        self._record_intent = record_intent
        self._observer = observer
        self._bad_records = BadRecordLimit(clock=clock)
        self.stopping = asyncio.Event()
        self.failing: dict[TopicPartition, str] = {}
        """Partitions whose batch keeps failing, with the last error."""

    async def do(self, consumer: LogConsumer, batch: Batch, *, repeated: bool) -> None:
        """Handle and commit the batch.

        Raises `NotAssigned`, `Stopping` or `TooManyBadRecords`; the recorded intent then stays for the next owner.
        """
        began = self._clock.monotonic()
        if self._record_intent:
            await self._commit(consumer, batch, batch.first_offset, intent(batch.last_offset))
            self._faults.reach("after_intent")
        await self._handle_patiently(batch, repeated=repeated)
        self._faults.reach("after_insert")
        await self._commit(consumer, batch, batch.last_offset + 1, "")
        self._faults.reach("after_commit")
        self._tell_handled(batch, began)

    async def handle(self, batch: Batch, *, repeated: bool) -> None:
        """Handle the batch and leave its commit to the caller. Raises `Stopping` or `TooManyBadRecords`."""
        began = self._clock.monotonic()
        await self._handle_patiently(batch, repeated=repeated)
        self._faults.reach("after_insert")
        self._tell_handled(batch, began)

    def _tell_handled(self, batch: Batch, began: float) -> None:
        size = sum(record.size for record in batch.records)
        self._observer.handled(batch.source, len(batch.records), size, self._clock.monotonic() - began)

    async def _commit(self, consumer: LogConsumer, batch: Batch, position: int, metadata: str) -> None:
        for attempt, delay_s in enumerate(self._delays(), start=1):
            try:
                await consumer.commit(batch.source, position, metadata)
            except LogUnavailable as error:
                await self._pause(batch.source, attempt, error, delay_s)
            else:
                self.failing.pop(batch.source, None)
                return

    async def _handle_patiently(self, batch: Batch, *, repeated: bool) -> None:
        for attempt, delay_s in enumerate(self._delays(), start=1):
            try:
                await self._handle(batch, repeated=repeated or attempt > 1)
            except TooManyBadRecords:
                raise
            except Exception as error:
                await self._pause(batch.source, attempt, error, delay_s)
            else:
                self.failing.pop(batch.source, None)
                return

    async def _handle(self, batch: Batch, *, repeated: bool) -> None:
        """Handle what can be handled; the cuts depend on the records alone, so a repetition cuts alike."""
        if not batch.records:
            return
        try:
            await self._handler.handle(batch)
        except BadRecords as error:
            await self._put_aside(batch, error.records, repeated=repeated)
            rest = batch.without(frozenset(bad.offset for bad in error.records))
            await self._handle(rest, repeated=repeated)
        except DataError as error:
            if len(batch.records) == 1:
                bad = BadRecord(batch.records[0].offset, error.code, error.detail)
                await self._put_aside(batch, [bad], repeated=repeated)
            else:
                for half in batch.halves():
                    await self._handle(half, repeated=repeated)
        else:
            self._bad_records.handled(len(batch.records))

    async def _put_aside(self, batch: Batch, bad: Sequence[BadRecord], *, repeated: bool) -> None:
        known = {record.offset for record in batch.records}
        if not bad or not known.issuperset(each.offset for each in bad):
            raise ValueError("the handler blames records that are not in the batch")
        self._bad_records.check(len(bad))
        await self._dead_letters.write(self._group, self._topic, batch, bad, repeated=repeated)
        self._bad_records.put_aside(len(bad))
        for each in bad:
            self._observer.dead_lettered(batch.source, each.code)

    async def _pause(self, source: TopicPartition, attempt: int, error: Exception, delay_s: float) -> None:
        """Wait before the next attempt, or raise `Stopping` as soon as the loop stops."""
        self._observer.retrying(source, type(error).__name__)
        _log.warning("batch of %s failed, attempt %d: %r", source, attempt, error)
        if attempt >= _WORRYING_ATTEMPTS:
            self.failing[source] = repr(error)
        await wait_at_most(self.stopping, delay_s)
        if self.stopping.is_set():
            raise Stopping from error

    def _delays(self) -> Iterator[float]:
        return full_jitter(base_s=self._limits.retry_first_s, cap_s=self._limits.retry_most_s)
