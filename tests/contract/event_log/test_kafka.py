from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from segops_common.core.clock import SystemClock
from segops_common.streams.address import LogAccess
from segops_common.streams.kafka.brokers import KafkaLogin, SaslMechanism
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.log import EventLog, LogUnavailable, TopicPartition
from segops_common.streams.open import open_event_log
from segops_testkit.event_log_tools import REFUSAL_S, fill, new_topic, read
from segops_testkit.networked_event_log_contract import NetworkedEventLogContract
from tests.contract.event_log.harnesses import KafkaHarness
from tests.contract.event_log.secured_kafka import PASSWORD, USER, SecuredKafka
from tests.shared.certificates import Authority

OUT_OF_ORDER_SEQUENCE_NUMBER = 45


@pytest.mark.kafka
class TestKafkaEventLog(NetworkedEventLogContract):
    adapter = KafkaEventLog

    @pytest.fixture
    async def harness(self, own_kafka: SecuredKafka) -> AsyncIterator[KafkaHarness]:
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


@asynccontextmanager
async def opened(
    url: str, *, ca_file: Path | None = None, mechanism: SaslMechanism = "SCRAM-SHA-512", password: str = PASSWORD
) -> AsyncIterator[EventLog]:
    login = KafkaLogin(user=USER, password=password, mechanism=mechanism)
    log = open_event_log(url, clock=SystemClock(), access=LogAccess(ca_file=ca_file, kafka_login=login))
    try:
        yield log
    finally:
        await log.close()


async def use_every_client(log: EventLog) -> None:
    topic = new_topic(1)
    await log.ensure_topics([topic])
    await log.append(topic, b"key", b"value")
    async with log.consumer("group", [topic]) as consumer:
        assert [record.value for record in (await read(consumer, 1))[0]] == [b"value"]
        await consumer.commit(TopicPartition(topic.name, 0), 1)
    assert await log.positions("group", topic) == {0: 1}
    assert await log.ends(topic) == {0: 1}
    assert [record.value for record in await log.tail(topic, 0, 1)] == [b"value"]
    async with log.follow(topic, 0, 0) as batches:
        assert [record.value for record in await anext(batches)] == [b"value"]
    await log.check()


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_every_client_signs_in_over_tls(
    own_kafka: SecuredKafka, authority: Authority, mechanism: SaslMechanism
) -> None:
    await own_kafka.start()
    url = f"kafkas://{own_kafka.tls_servers}"
    async with opened(url, ca_file=authority.ca_file, mechanism=mechanism) as log:
        await use_every_client(log)


@pytest.mark.kafka
async def test_scram_works_without_tls(own_kafka: SecuredKafka) -> None:
    await own_kafka.start()
    async with opened(f"kafka://{own_kafka.plain_servers}") as log:
        await use_every_client(log)


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_refused_and_not_logged(
    own_kafka: SecuredKafka, authority: Authority, mechanism: SaslMechanism, caplog: pytest.LogCaptureFixture
) -> None:
    await own_kafka.start()
    url = f"kafkas://{own_kafka.tls_servers}"
    async with opened(url, ca_file=authority.ca_file, mechanism=mechanism, password="hunter2-hunter2") as log:
        with pytest.raises(LogUnavailable) as refused:
            await log.append(new_topic(1), b"key", b"value")
    assert "hunter2" not in caplog.text + str(refused.value)


@pytest.mark.kafka
async def test_a_broker_of_another_authority_is_refused(own_kafka: SecuredKafka, tmp_path: Path) -> None:
    await own_kafka.start()
    async with opened(f"kafkas://{own_kafka.tls_servers}", ca_file=Authority(tmp_path, "other").ca_file) as log:
        with pytest.raises(LogUnavailable):
            await log.append(new_topic(1), b"key", b"value")


@pytest.mark.kafka
async def test_a_broker_under_another_name_is_refused(own_kafka: SecuredKafka, authority: Authority) -> None:
    await own_kafka.start()
    port = own_kafka.tls_servers.rpartition(":")[2]
    async with opened(f"kafkas://localhost:{port}", ca_file=authority.ca_file) as log:
        with pytest.raises(LogUnavailable):
            await log.append(new_topic(1), b"key", b"value")
