"""The store in PostgreSQL keeps the contract."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres_migrations import migrate_postgres
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.bootstrap import MIGRATIONS
from tests.unit.segments.store_contract import StoreContract, Stored


class PostgresBoth(PostgresOutbox, PostgresStore):
    """Both ports over one database."""


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def stored(self, engine: AsyncEngine) -> Stored:
        return PostgresBoth(engine=engine)


async def test_migrating_again_finds_nothing_to_do(migrated_url: str) -> None:
    assert await migrate_postgres(migrated_url, "segments", MIGRATIONS, check=True) == []
    assert await migrate_postgres(migrated_url, "segments", MIGRATIONS) == []
