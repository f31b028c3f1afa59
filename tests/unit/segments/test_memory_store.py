"""The memory store keeps the contracts."""

import pytest

from segops_segments.adapters.memory.store import MemoryStore
from tests.unit.segments.outbox_contract import OutboxContract
from tests.unit.segments.run_contract import RunContract, ScheduleContract
from tests.unit.segments.store_contract import SegmentContract, Stored


class TestMemoryStore(SegmentContract, RunContract, ScheduleContract, OutboxContract):
    @pytest.fixture
    def stored(self) -> Stored:
        return MemoryStore()
