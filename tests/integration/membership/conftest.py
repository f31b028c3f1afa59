"""Migrated engines and a harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.stores.clickhouse import ClickHouse
from tests.integration.membership.harness import MembershipHarness, migrate_all, opened


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["membership"]


@pytest.fixture(scope="session")
async def migrated(clickhouse_url: str, owner_url: str) -> None:
    """Create all tables, once."""
    clickhouse = ClickHouse(url=clickhouse_url)
    try:
        await migrate_all(clickhouse, owner_url)
    finally:
        await clickhouse.close()


@pytest.fixture(scope="session")
async def clickhouse(migrated: None, clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """One client for all tests that ask the warehouse directly."""
    clickhouse = ClickHouse(url=clickhouse_url)
    yield clickhouse
    await clickhouse.close()


@pytest.fixture
async def harness(
    migrated: None, clickhouse_url: str, postgres_url: str, redis_url: str
) -> AsyncIterator[MembershipHarness]:
    """A worker and an API on the session's engines."""
    async with opened(clickhouse_url=clickhouse_url, postgres_url=postgres_url, redis_url=redis_url) as harness:
        yield harness
