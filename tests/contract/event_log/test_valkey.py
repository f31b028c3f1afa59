from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from segops_common.contracts.topics import Topic
from segops_common.streams.log import EventLog, TopicPartition
from segops_common.streams.valkey.log import ValkeyEventLog
from segops_local.engines import ValkeyEngine
from segops_testkit.event_log_tools import fill, new_topic, numbers, read
from segops_testkit.networked_event_log_contract import NetworkedEventLogContract
from tests.contract.event_log.harnesses import ValkeyHarness


class TestValkeyEventLog(NetworkedEventLogContract):
    adapter = ValkeyEventLog

    @pytest.fixture
    async def harness(self, own_valkey: ValkeyEngine) -> AsyncIterator[ValkeyHarness]:
        await own_valkey.start()
        harness = ValkeyHarness(own_valkey)
        yield harness
        await harness.stop()

    async def test_an_append_waits_out_a_restart(self, harness: ValkeyHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, [b"before"])
        await harness.kill_engine()
        appending = asyncio.gather(*(log.append(topic, b"k", value) for value in numbers(0, 5)))
        await asyncio.sleep(0.5)
        await harness.start_engine()
        assert sorted(position.offset for position in await appending) == [1, 2, 3, 4, 5]
        assert sorted(record.value for record in await log.tail(topic, 0, 9)) == sorted([b"before", *numbers(0, 5)])

    async def test_an_answer_lost_in_a_crash_does_not_store_twice(self, harness: ValkeyHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, [b"before"])
        marker = uuid.uuid4().hex.encode()
        losses = harness.lose_answer_to(log, marker)
        appending = asyncio.gather(log.append(topic, b"k", marker))
        # The request is stored at once, its answer is swallowed for a moment: long enough to crash in between.
        await asyncio.sleep(0.15)
        await harness.kill_engine()
        await harness.start_engine()
        [position] = await appending
        assert losses() == 1
        assert position.offset == 1
        assert [record.value for record in await log.tail(topic, 0, 9)] == [b"before", marker]

    async def test_only_what_every_group_has_read_is_trimmed(self, harness: ValkeyHarness) -> None:
        log, topic = await harness.connect(keep_records=5), new_topic(1)
        source = TopicPartition(topic.name, 0)
        await fill(log, topic, numbers(0, 30))
        async with log.consumer("fast", [topic]) as fast, log.consumer("slow", [topic]) as slow:
            await fast.commit(source, 30)
            await asyncio.sleep(1.2)
            assert len(await log.tail(topic, 0, 99)) == 30
            await slow.commit(source, 20)
            await _until_trimmed(log, topic)
            kept = await log.tail(topic, 0, 99)
            assert [record.offset for record in kept] == list(range(15, 30))
            assert [record.offset for record in (await read(slow, 10))[0]][-1] == 29
            await slow.seek(source, 0)
            assert (await read(slow, 15))[0][0].offset == 15
        assert (await log.append(topic, b"k", b"next")).offset == 30

    async def test_an_engine_that_may_lose_records_is_logged(
        self, harness: ValkeyHarness, own_valkey: ValkeyEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = await harness.connect()
        await log.ensure_topics([new_topic()])
        assert "may lose" not in caplog.text
        async with Redis.from_url(own_valkey.url) as redis:
            await redis.config_set("appendfsync", "everysec")
            await log.ensure_topics([new_topic()])
            await redis.config_set("appendfsync", "always")
        assert "may lose acknowledged records" in caplog.text

    async def test_more_appends_than_connections_are_stored(self, harness: ValkeyHarness) -> None:
        log, topic = await harness.connect(), new_topic()
        await log.ensure_topics([topic])
        await asyncio.gather(*(log.append(topic, b"%d" % number, b"v") for number in range(150)))
        assert sum([len(await log.tail(topic, partition, 200)) for partition in range(3)]) == 150

    async def test_a_redis_without_a_topic_answers_empty(self, harness: ValkeyHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        assert list(await log.tail(topic, 0, 5)) == []
        async with log.consumer("g", [topic]) as consumer:
            source = TopicPartition(topic.name, 0)
            assert await consumer.end_offsets([source]) == {source: 0}


async def _until_trimmed(log: EventLog, topic: Topic) -> None:
    for _ in range(100):
        if len(await log.tail(topic, 0, 99)) < 30:
            return
        await asyncio.sleep(0.05)
