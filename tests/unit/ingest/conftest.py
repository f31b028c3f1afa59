"""Circumstances that are the same in every unit test of ingest."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from segops_ingest.domain.event import RowBuilder
from segops_ingest.domain.instants import TimestampRange
from tests.unit.ingest.harness import IngestHarness

NOW = datetime(2026, 5, 20, 12, 0, 0, 123_999, tzinfo=UTC)


class FixedIds:
    """The same ids each time."""

    def uuid7(self) -> str:
        return "made-here"

    def token(self, nbytes: int) -> str:
        return "t" * nbytes


@pytest.fixture(scope="session")
def now() -> datetime:
    """When every request of these tests is received."""
    return NOW


@pytest.fixture(scope="session")
def builder() -> Callable[[str | None], RowBuilder]:
    """Makes the circumstances of a request of tenant 7, with its Idempotency-Key."""

    def make(idempotency_key: str | None) -> RowBuilder:
        span = TimestampRange.around(NOW)
        return RowBuilder(tenant_id=7, span=span, ids=FixedIds(), idempotency_key=idempotency_key)

    return make


@pytest.fixture
def ingest(now: datetime) -> IngestHarness:
    return IngestHarness(now)
