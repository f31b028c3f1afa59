"""Auth in memory."""

from __future__ import annotations

import pytest

from tests.unit.auth.harness import MemoryAuth, memory_auth


@pytest.fixture
def memory() -> MemoryAuth:
    """The use cases with an empty store."""
    return memory_auth()
