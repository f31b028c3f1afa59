from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.testing.event_log_contract import NetworkedEventLogContract
from segops_local.engines import ValkeyEngine
from tests.contract.event_log.harnesses import ValkeyHarness


class TestValkeyEventLog(NetworkedEventLogContract):
    @pytest.fixture
    async def harness(self, own_valkey: ValkeyEngine) -> AsyncIterator[ValkeyHarness]:
        await own_valkey.start()
        harness = ValkeyHarness(own_valkey)
        yield harness
        await harness.stop()
