"""Real engines in a temporary folder that is removed after the benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_common.stores.postgres import create_engine
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS as INGEST_MIGRATIONS
from segops_local.engines import ClickHouseEngine, PostgresEngine
from segops_local.processes.server import Server
from segops_membership.bootstrap import MIGRATIONS as MEMBERSHIP_MIGRATIONS


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a temporary folder for the data of the engines."""
    with tempfile.TemporaryDirectory(prefix="segops-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@asynccontextmanager
async def running(engine: Server) -> AsyncIterator[None]:
    """Start the engine, and stop it at the end."""
    try:
        await engine.start()
        yield
    finally:
        await engine.stop()


@asynccontextmanager
async def warehouse(state: Path) -> AsyncIterator[ClickHouse]:
    """Start a ClickHouse with the product's tables."""
    engine = ClickHouseEngine(state / "clickhouse")
    async with running(engine):
        clickhouse = ClickHouse(url=engine.url, timeout_s=300)
        try:
            await migrate(clickhouse, "ingest", INGEST_MIGRATIONS)
            await migrate(clickhouse, "membership", MEMBERSHIP_MIGRATIONS)
            yield clickhouse
        finally:
            await clickhouse.close()


@asynccontextmanager
async def postgres(state: Path) -> AsyncIterator[AsyncEngine]:
    """Start a PostgreSQL with the membership schema."""
    server = PostgresEngine(state / "postgres")
    async with running(server):
        await migrate_postgres(server.owner_url, "membership", MEMBERSHIP_MIGRATIONS)
        engine = create_engine(server.service_urls["membership"])
        try:
            yield engine
        finally:
            await engine.dispose()
