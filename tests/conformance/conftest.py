"""The fault server that the tests of one worker share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.running import Faults, fault_server


@pytest.fixture(scope="session")
async def faults() -> AsyncIterator[Faults]:
    async with fault_server() as running:
        yield running
