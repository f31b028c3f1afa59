"""The PostgreSQL store keeps the contracts."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import write_session
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.bootstrap import MIGRATIONS
from segops_segments.domain.segment import SegmentFilter
from tests.unit.segments.outbox_contract import OutboxContract
from tests.unit.segments.run_contract import RunContract, ScheduleContract
from tests.unit.segments.store_builders import NOW, new_segment
from tests.unit.segments.store_contract import SegmentContract, Stored, new_tenant


class PostgresPorts(PostgresOutbox, PostgresStore):
    """Both ports over one database."""


class TestPostgresStore(SegmentContract, RunContract, ScheduleContract, OutboxContract):
    @pytest.fixture
    def stored(self, engine: AsyncEngine) -> Stored:
        return PostgresPorts(engine=engine)


async def test_a_description_of_an_earlier_process_is_searched_by_its_new_text(engine: AsyncEngine) -> None:
    """During a deploy, processes that know no searched text save descriptions, and the others go on."""
    stored, tenant = PostgresPorts(engine=engine), new_tenant()

    async def found(text: str) -> bool:
        async with stored.reading() as unit:
            return bool(await unit.list_segments([tenant], 0, 10, only=SegmentFilter(text=text)))

    async with stored.writing(tenant) as unit:
        draft = replace(new_segment(tenant, "Loyal"), description="Stra\u00dfe")
        segment = await unit.add_segment(tenant, draft, NOW)
    assert await found("strasse")
    async with write_session(engine) as session:
        await session.enter_tenants(tenant)
        update = sa.text("UPDATE segments.segments SET description = :text WHERE id = :id")
        await session.execute(update, {"text": "Later Visitors", "id": segment.id})
    assert (await found("strasse"), await found("later VISITORS")) == (False, True)
    for description, text in (("STRASSE", "strasse"), ("Stra\u00dfe", "strasse")):
        async with stored.writing(tenant) as unit:
            await unit.save_segment(tenant, replace(segment, description=description))
        assert (await found(text), await found("later")) == (True, False)


async def test_migrating_again_finds_nothing_to_do(migrated_url: str, owner_url: str) -> None:
    assert await migrate_postgres(owner_url, "segments", MIGRATIONS, check=True) == []
    assert await migrate_postgres(owner_url, "segments", MIGRATIONS) == []
