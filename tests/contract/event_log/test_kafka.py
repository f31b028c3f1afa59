from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.log import LogUnavailable
from segops_local.engines import KafkaEngine
from segops_testkit.event_log_tools import REFUSAL_S, fill, new_topic
from segops_testkit.networked_event_log_contract import NetworkedEventLogContract
from tests.contract.event_log.harnesses import KafkaHarness

OUT_OF_ORDER_SEQUENCE_NUMBER = 45


@pytest.mark.kafka
class TestKafkaEventLog(NetworkedEventLogContract):
    adapter = KafkaEventLog

    @pytest.fixture
    async def harness(self, own_kafka: KafkaEngine) -> AsyncIterator[KafkaHarness]:
        await own_kafka.start()
        harness = KafkaHarness(own_kafka)
        yield harness
        await harness.stop()

    async def test_a_producer_out_of_sequence_is_replaced(self, harness: KafkaHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, [b"before"])
        harness.refuse_one_produce(log, topic, OUT_OF_ORDER_SEQUENCE_NUMBER)
        with pytest.raises(LogUnavailable, match="replaced"):
            await log.append(topic, b"k", b"doubtful")
        began = time.monotonic()
        await log.append(topic, b"k", b"after")
        assert time.monotonic() - began < 5
        values = [record.value for record in await log.tail(topic, 0, 9)]
        assert values == [b"before", b"doubtful", b"after"]

    async def test_a_silent_producer_is_replaced_and_refusals_get_fast(
        self, harness: KafkaHarness, caplog: pytest.LogCaptureFixture
    ) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, [b"before"])
        harness.isolate(log)
        began = time.monotonic()
        outcomes = await asyncio.gather(*(log.append(topic, b"k", b"lost") for _ in range(5)), return_exceptions=True)
        assert all(isinstance(outcome, LogUnavailable) for outcome in outcomes)
        assert time.monotonic() - began < REFUSAL_S
        began = time.monotonic()
        with pytest.raises(LogUnavailable, match="not attempted"):
            await log.append(topic, b"k", b"lost")
        assert time.monotonic() - began < REFUSAL_S / 2
        assert "replacing the Kafka producer" in caplog.text
        harness.reunite(log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                await log.append(topic, b"k", b"after")
                break
            except LogUnavailable:
                await asyncio.sleep(0.1)
        values = [record.value for record in await log.tail(topic, 0, 20)]
        assert values.count(b"after") == 1
