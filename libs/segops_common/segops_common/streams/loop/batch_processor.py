"""Processes one batch: records the intent, calls the handler, retries, puts bad records aside, commits."""

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
from segops_common.streams.loop.batch_trace import continued_trace
from segops_common.streams.loop.batches import (
    BadRecord,
    BadRecords,
    Batch,
    BatchHandler,
    DataError,
    Limits,
    LoopObserver,
    TooHeavy,
    TooManyBadRecords,
)
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.partition_buffer import intent

_log = logging.getLogger(__name__)
_ATTEMPTS_TO_UNHEALTHY = 3
_ATTEMPTS_TO_HALVE = 2
"""A repetition of the same batch is free of effect if the first attempt was stored although it seemed to fail."""


class Stopping(Exception):
    """The loop is stopping, so a batch that failed is left to the next owner instead of being retried."""


class BatchProcessor:
    """Processes batches for a group. The caller keeps the partition assigned during each call.

    A bad record goes to the dead-letter topic, and its batch continues without it. A batch that is too heavy twice is
    halved. Every other failure is retried with growing delays until it succeeds or the loop stops.
    """

    def __init__(
        self,
        *,
        group: str,
        topic: Topic,
        handler: BatchHandler,
        dead_letters: DeadLetterTopic,
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

    async def process(self, consumer: LogConsumer, batch: Batch, *, repeated: bool) -> None:
        """Handle and commit the batch; `repeated` when it may have been handled before.

        A half of a batch that is too heavy has an intent and a commit of its own, so that a replay makes the same cut.
        Raises `NotAssigned`, `Stopping` or `TooManyBadRecords`; the recorded intent then stays for the next owner.
        """
        try:
            await self._process_whole(consumer, batch, repeated=repeated)
        except TooHeavy:
            _log.warning("halving a batch of %s/%d: it is too heavy", batch.topic, batch.partition)
            for half in batch.halves():
                await self.process(consumer, half, repeated=True)

    async def _process_whole(self, consumer: LogConsumer, batch: Batch, *, repeated: bool) -> None:
        started_s = self._clock.monotonic()
        if self._record_intent:
            await self._commit(consumer, batch, batch.first_offset, intent(batch.last_offset))
            self._faults.reach("after_intent")
        await self._handle_with_retries(batch, repeated=repeated)
        self._faults.reach("after_insert")
        await self._commit(consumer, batch, batch.last_offset + 1, "")
        self._faults.reach("after_commit")
        self._report_handled(batch, started_s)

    async def process_uncommitted(self, batch: Batch) -> None:
        """Handle the batch, which may have been handled before, and leave its commit to the caller.

        Raises `Stopping` or `TooManyBadRecords`.
        """
        started_s = self._clock.monotonic()
        await self._handle_with_retries(batch, repeated=True)
        self._faults.reach("after_insert")
        self._report_handled(batch, started_s)

    def _report_handled(self, batch: Batch, started_s: float) -> None:
        self._observer.handled(batch, self._clock.monotonic() - started_s)

    async def _commit(self, consumer: LogConsumer, batch: Batch, position: int, metadata: str) -> None:
        for attempt, delay_s in enumerate(self._delays(), start=1):
            try:
                await consumer.commit(batch.source, position, metadata)
            except LogUnavailable as error:
                await self._pause(batch.source, attempt, error, delay_s)
            else:
                self.failing.pop(batch.source, None)
                return

    async def _handle_with_retries(self, batch: Batch, *, repeated: bool) -> None:
        for attempt, delay_s in enumerate(self._delays(), start=1):
            try:
                await self._handle(batch, repeated=repeated or attempt > 1)
            except TooManyBadRecords:
                raise
            except Exception as error:
                if isinstance(error, TooHeavy) and attempt >= _ATTEMPTS_TO_HALVE and len(batch.records) > 1:
                    raise
                await self._pause(batch.source, attempt, error, delay_s)
            else:
                self.failing.pop(batch.source, None)
                return

    async def _handle(self, batch: Batch, *, repeated: bool) -> None:
        """Handle the good records. The cuts depend on the records alone, so a repetition makes the same ones."""
        if not batch.records:
            return
        try:
            with continued_trace(batch):
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
        offsets = {record.offset for record in batch.records}
        if not bad or not offsets.issuperset(record.offset for record in bad):
            raise ValueError("the handler reported bad records that are not in the batch")
        self._bad_records.check(len(bad))
        await self._dead_letters.write(self._group, self._topic, batch, bad, repeated=repeated)
        self._bad_records.put_aside(len(bad))
        for record in bad:
            self._observer.dead_lettered(batch.source, record.code)
            _log.warning(
                "moved record %d of %s/%d to the dead-letter topic: %s: %s",
                record.offset,
                batch.topic,
                batch.partition,
                record.code,
                record.detail,
            )

    async def _pause(self, source: TopicPartition, attempt: int, error: Exception, delay_s: float) -> None:
        """Wait before the next attempt. Raises `Stopping` as soon as the loop stops."""
        self._observer.retrying(source, type(error).__name__)
        _log.warning("a batch of %s/%d failed, attempt %d: %r", source.topic, source.partition, attempt, error)
        if attempt >= _ATTEMPTS_TO_UNHEALTHY:
            self.failing[source] = repr(error)
        await wait_at_most(self.stopping, delay_s)
        if self.stopping.is_set():
            raise Stopping from error

    def _delays(self) -> Iterator[float]:
        return full_jitter(base_s=self._limits.retry_first_s, cap_s=self._limits.retry_most_s)
