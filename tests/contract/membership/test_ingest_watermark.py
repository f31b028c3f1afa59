"""The contract of `IngestWatermark`, and what the adapter on the event log adds: waiting, and saying how far behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from segops_common.contracts.jobs import IngestLag
from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, SINK_GROUP
from segops_common.core.clock import SystemClock
from segops_common.streams.log import EventLog, LogConsumer, TopicPartition
from segops_common.streams.memory import MemoryEventLog
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_testkit.clock import ManualClock
from tests.contract.membership.conftest import Ports

AN_AGE_S = 90


async def test_nothing_is_waited_for_when_nothing_is_on_its_way(ports: Ports) -> None:
    async with asyncio.timeout(60):
        assert await ports.watermark.wait_until_ingested() is None


@pytest.fixture
async def log() -> AsyncIterator[MemoryEventLog]:
    """A log whose records are old."""
    log = MemoryEventLog(clock=ManualClock(datetime.fromtimestamp(SystemClock().now().timestamp() - AN_AGE_S, UTC)))
    await log.ensure_topics([EVENTS, EVENT_IMPORTS])
    yield log
    await log.close()


async def append(log: EventLog, partition: int, count: int) -> None:
    for _ in range(count):
        await log.append(EVENTS, b"", b"{}\n", partition=partition)


async def commit(consumer: LogConsumer, partition: int, position: int) -> None:
    await consumer.commit(TopicPartition(EVENTS.name, partition), position)


async def test_a_sink_that_does_not_move_leaves_records_missing(log: MemoryEventLog) -> None:
    await append(log, 1, 3)
    await append(log, 2, 2)
    async with log.consumer(SINK_GROUP, [EVENTS]) as consumer:
        await commit(consumer, 1, 1)
        await commit(consumer, 2, 2)
    lag = await LogIngestWatermark(log=log, clock=SystemClock(), wait_s=0.05).wait_until_ingested()
    assert lag is not None
    assert lag.positions == 2
    assert lag.seconds is not None
    assert lag.seconds >= AN_AGE_S


async def test_events_acknowledged_before_are_waited_for_and_later_ones_are_not(log: MemoryEventLog) -> None:
    await append(log, 1, 2)
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    waiting = asyncio.create_task(LogIngestWatermark(log=log, clock=clock, wait_s=60).wait_until_ingested())
    while not clock.sleepers:
        await asyncio.sleep(0)
    await append(log, 1, 5)
    async with log.consumer(SINK_GROUP, [EVENTS]) as consumer:
        await commit(consumer, 1, 1)
        clock.advance(1)
        await asyncio.sleep(0)
        assert not waiting.done()
        await commit(consumer, 1, 2)
    while not waiting.done():
        clock.advance(1)
        await asyncio.sleep(0)
    assert await waiting is None


async def test_imports_are_waited_for_too(log: MemoryEventLog) -> None:
    for _ in range(3):
        await log.append(EVENT_IMPORTS, b"", b"{}\n", partition=1)
    watermark = LogIngestWatermark(log=log, clock=SystemClock(), wait_s=0.05)
    lag = await watermark.wait_until_ingested()
    assert lag is not None
    assert (lag.positions, lag.seconds is not None and lag.seconds >= AN_AGE_S) == (3, True)
    # The group of live events says nothing about imports.
    async with log.consumer(SINK_GROUP, [EVENTS]) as consumer:
        await commit(consumer, 1, 3)
    assert await watermark.wait_until_ingested() is not None
    async with log.consumer(IMPORT_SINK_GROUP, [EVENT_IMPORTS]) as consumer:
        await consumer.commit(TopicPartition(EVENT_IMPORTS.name, 1), 3)
    assert await watermark.wait_until_ingested() is None


async def test_a_log_that_does_not_answer_leaves_the_lag_unknown(log: MemoryEventLog) -> None:
    log.reachable = False
    lag = await LogIngestWatermark(log=log, clock=SystemClock(), wait_s=0.05).wait_until_ingested()
    assert lag == IngestLag(positions=None, seconds=None)
