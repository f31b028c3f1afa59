"""A new membership in memory for each test, and its API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.membership.activating import World, world_of
from tests.unit.membership.api import Api, opened
from tests.unit.membership.harness import MembershipInMemory


@pytest.fixture
def membership() -> MembershipInMemory:
    return MembershipInMemory()


@pytest.fixture
async def api(membership: MembershipInMemory) -> AsyncIterator[Api]:
    """The API over `membership`, in which `SEGMENT` was computed and `EMPTY` was not."""
    async with opened(membership) as api:
        yield api


@pytest.fixture
def world(api: Api) -> World:
    """Activations of `api`, with a receiver."""
    return world_of(api)
