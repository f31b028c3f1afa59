"""The PostgreSQL store keeps the contracts."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres_migrations import migrate_postgres
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.bootstrap import MIGRATIONS
from tests.unit.segments.outbox_contract import OutboxContract
from tests.unit.segments.run_contract import RunContract, ScheduleContract
from tests.unit.segments.store_contract import SegmentContract, Stored


class PostgresPorts(PostgresOutbox, PostgresStore):
    """Both ports over one database."""


class TestPostgresStore(SegmentContract, RunContract, ScheduleContract, OutboxContract):
    @pytest.fixture
    def stored(self, engine: AsyncEngine) -> Stored:
        return PostgresPorts(engine=engine)


async def test_migrating_again_finds_nothing_to_do(migrated_url: str, owner_url: str) -> None:
    assert await migrate_postgres(owner_url, "segments", MIGRATIONS, check=True) == []
    assert await migrate_postgres(owner_url, "segments", MIGRATIONS) == []
