"""The engines and the API of ingestion."""

import socket
from collections.abc import AsyncIterator

import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE
from tests.integration.ingest.harness import Api, opened


@pytest.fixture(scope="session")
async def api(redis_url: str) -> AsyncIterator[Api]:
    """The API with its log on Valkey streams."""
    async with opened(redis_url.replace("redis://", "valkey://").removesuffix("/0") + "/5", redis_url) as running:
        yield running


@pytest.fixture(scope="session")
async def warehouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """ClickHouse with the tables of ingest."""
    clickhouse = ClickHouse(url=clickhouse_url)
    await migrate(clickhouse, SERVICE, MIGRATIONS)
    yield clickhouse
    await clickhouse.close()


@pytest.fixture
def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
