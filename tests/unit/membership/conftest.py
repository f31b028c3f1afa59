"""A new membership in memory for each test."""

from __future__ import annotations

import pytest

from tests.unit.membership.harness import MembershipInMemory


@pytest.fixture
def membership() -> MembershipInMemory:
    return MembershipInMemory()
