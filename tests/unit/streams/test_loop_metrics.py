"""What a consumer loop exports: lag and delay in seconds, and nothing about partitions that it has lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segops_common.contracts.topics import Topic
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.log import Record, TopicPartition
from segops_common.streams.loop.batches import Batch, Limits
from segops_common.streams.loop.consumer import ConsumerLoop
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.streams.loop.keyed import KeyedLoop
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_testkit.clock import ManualClock
from segops_testkit.polling import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOPIC = Topic("t", 1)
LABELS = {"topic": "t", "partition": "0"}
LIMITS = Limits(max_age_s=0.0)


class Gate:
    """Handles a batch once it is open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.entered = asyncio.Event()

    async def handle(self, batch: Batch) -> None:
        self.entered.set()
        await self.open.wait()


@pytest.mark.parametrize("kind", [ConsumerLoop, KeyedLoop])
async def test_lag_in_seconds_grows_while_a_batch_is_in_hand(kind: type[GroupLoop[Any]]) -> None:
    clock, metrics, gate = ManualClock(NOW), Metrics(), Gate()
    log, observer = MemoryEventLog(clock=clock), LoopMetrics(metrics, clock)
    await log.ensure_topics([TOPIC])
    loop = kind(
        log=log,
        group="g",
        topic=TOPIC,
        handler=gate,
        dead_letters=DeadLetterTopic(log=log),
        faults=NO_FAULTS,
        clock=clock,
        limits=LIMITS,
        record_intent=False,
        observer=observer,
    )
    observer.begin("t", lambda: loop.health.ok)

    def lag() -> float | None:
        return metrics.registry.get_sample_value("segops_consumer_lag_seconds", LABELS)

    def healthy() -> float | None:
        return metrics.registry.get_sample_value("segops_consumer_healthy", {"topic": "t"})

    assert (lag(), healthy()) == (None, 0)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(loop.run(stop))
        await until(lambda: lag() == 0 and healthy() == 1)
        await log.append(TOPIC, b"k", b"v")
        await gate.entered.wait()
        clock.advance(20)
        assert lag() == 20
        clock.advance(20)
        assert lag() == 40
        gate.open.set()
        await until(lambda: lag() == 0)
        assert metrics.registry.get_sample_value("segops_consumer_delay_seconds_sum", {"topic": "t"}) == 40
        stop.set()
    assert lag() is None
    assert metrics.registry.get_sample_value("segops_consumer_lag_records", LABELS) is None


async def test_each_record_has_a_delay_and_a_clock_that_is_ahead_counts_as_none() -> None:
    clock, metrics = ManualClock(NOW), Metrics()
    now_ms = int(NOW.timestamp() * 1000)
    times = (now_ms - 2_000, now_ms, now_ms + 5_000)
    records = tuple(Record(offset=n, key=b"", value=b"", timestamp_ms=ms) for n, ms in enumerate(times))
    batch = Batch(topic="t", partition=0, first_offset=0, last_offset=2, records=records)
    LoopMetrics(metrics, clock).handled(batch, 0.5)
    value = metrics.registry.get_sample_value
    assert value("segops_consumer_delay_seconds_count", {"topic": "t"}) == 3
    assert value("segops_consumer_delay_seconds_sum", {"topic": "t"}) == 2
    assert value("segops_consumer_records_total", {"topic": "t"}) == 3


def test_a_partition_that_was_lost_is_forgotten() -> None:
    metrics = Metrics()
    observer, source = LoopMetrics(metrics, ManualClock(NOW)), TopicPartition("t", 0)
    observer.assigned(source, lambda: int((NOW - timedelta(seconds=7)).timestamp() * 1000))
    observer.lagging(source, 3)
    value = metrics.registry.get_sample_value
    assert (value("segops_consumer_lag_seconds", LABELS), value("segops_consumer_lag_records", LABELS)) == (7, 3)
    observer.released(source)
    assert (value("segops_consumer_lag_seconds", LABELS), value("segops_consumer_lag_records", LABELS)) == (None, None)
