from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.streams.memory import MemoryEventLog
from segops_testkit.event_log_contract import EventLogContract
from tests.contract.event_log.harnesses import MemoryHarness


class TestMemoryEventLog(EventLogContract):
    adapter = MemoryEventLog

    @pytest.fixture
    async def harness(self) -> AsyncIterator[MemoryHarness]:
        harness = MemoryHarness()
        yield harness
        await harness.stop()
