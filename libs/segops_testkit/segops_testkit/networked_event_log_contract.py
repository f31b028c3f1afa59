"""The part of the event log's contract that needs an engine in another process."""

from __future__ import annotations

import asyncio
import uuid

from segops_common.streams.log import (
    Committed,
    LogUnavailable,
    TopicPartition,
)
from segops_testkit.event_log_contract import EventLogContract
from segops_testkit.event_log_tools import Collector, NetworkHarness, fill, new_topic, numbers, read, running
from segops_testkit.polling import until


class NetworkedEventLogContract(EventLogContract):
    """Failures that only happen between processes."""

    async def test_a_lost_answer_does_not_store_twice(self, harness: NetworkHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, [b"before"])
        marker = uuid.uuid4().hex.encode()
        losses = harness.lose_answer_to(log, marker)
        position = await log.append(topic, b"k", marker)
        assert losses() == 1
        assert (position.partition, position.offset) == (0, 1)
        await log.append(topic, b"k", b"after")
        assert [record.value for record in await log.tail(topic, 0, 9)] == [b"before", marker, b"after"]

    async def test_acknowledged_records_survive_kill_9(self, harness: NetworkHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        source = TopicPartition(topic.name, 0)
        await fill(log, topic, numbers(0, 20))
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 20)
            await consumer.commit(source, 7, "11")
            await harness.kill_engine()
            await harness.start_engine()
        log = await harness.connect()
        async with log.consumer("g", [topic]) as consumer:
            await until(lambda: source in consumer.assignment(), harness.takeover_s)
            assert await consumer.committed(source) == Committed(7, "11")
            assert [record.offset for record in (await read(consumer, 13))[0]] == list(range(7, 20))
        assert (await log.append(topic, b"k", b"next")).offset == 20

    async def test_the_loop_survives_a_restart_of_the_engine(self, harness: NetworkHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 5))
        collector = Collector()
        async with running(log, topic, collector):
            await until(lambda: len(collector.values) == 5)
            await harness.kill_engine()
            await asyncio.sleep(0.5)
            await harness.start_engine()
            for _ in range(20):
                try:
                    await log.append(topic, b"k", b"value-5")
                    break
                except LogUnavailable:
                    await asyncio.sleep(0.5)
            await until(lambda: b"value-5" in collector.values, harness.takeover_s + 20)
        assert collector.values[:5] == numbers(0, 5)
