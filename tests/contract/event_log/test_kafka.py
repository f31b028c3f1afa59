from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.testing.event_log_contract import NetworkedEventLogContract
from segops_local.engines import KafkaEngine
from tests.contract.event_log.harnesses import KafkaHarness


@pytest.mark.kafka
class TestKafkaEventLog(NetworkedEventLogContract):
    @pytest.fixture
    async def harness(self, own_kafka: KafkaEngine) -> AsyncIterator[KafkaHarness]:
        await own_kafka.start()
        harness = KafkaHarness(own_kafka)
        yield harness
        await harness.stop()
