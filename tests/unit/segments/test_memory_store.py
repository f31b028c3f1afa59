"""The store in memory keeps the contract."""

import pytest

from segops_segments.adapters.memory.store import MemoryStore
from tests.unit.segments.store_contract import StoreContract, Stored


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def stored(self) -> Stored:
        return MemoryStore()
