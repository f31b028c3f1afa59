"""Segments of an older version: migrations publish the name of each, which membership takes, and let its text be searched."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from segops_common.contracts.jobs import SegmentChanged
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_segments.bootstrap import MIGRATIONS
from segops_segments.domain.segment import searched_text

DATABASE: Final = "segops_published_names"
DEFINITION: Final = """{"logic": "AND", "conditions":
 [{"type": "event_count", "event_type": "a\\"b", "operator": "gte", "value": 1e300}]}"""
SEGMENT: Final = sa.text("""
    INSERT INTO segments.segments
        (tenant_id, name, segment_type, definition, definition_bytes, definition_hash, description, refresh, list_size,
         version, created_at, updated_at, deleted_at)
    VALUES (:tenant, :name, 'rule', CAST(:definition AS json), 1, 'x', :about, 'hourly', 0, 7, now(), now(), CASE WHEN :deleted THEN now() END)
    RETURNING id, tenant_id""")
SEARCHED: Final = sa.text("SELECT searched_name, searched_description FROM segments.segments ORDER BY id")


@pytest.fixture
async def urls(superuser_url: str, postgres_urls: dict[str, str]) -> AsyncIterator[tuple[str, str]]:
    """A database without tables: its address for the owner of tables and for the superuser."""
    server = create_async_engine(superuser_url, isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(sa.text(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))
        await connection.execute(sa.text(f"CREATE DATABASE {DATABASE} OWNER segops_owner"))
        yield (
            f"{postgres_urls['owner'].rpartition('/')[0]}/{DATABASE}",
            f"{superuser_url.rpartition('/')[0]}/{DATABASE}",
        )
        await connection.execute(sa.text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))
    await server.dispose()


async def test_every_segment_is_published_once_more(urls: tuple[str, str], tmp_path: Path) -> None:
    owner_url, superuser_url = urls
    await migrate_postgres(owner_url, "segments", _before_names(tmp_path))
    engine = create_async_engine(superuser_url)
    rows = [(1, 'Ünïque ☂ "x"', False), (1, "gone", True), (2, "other\nline", False)]
    async with engine.begin() as connection:
        segments = [
            (await connection.execute(SEGMENT, _values(tenant, name, deleted=deleted))).one()
            for tenant, name, deleted in rows
        ]

    await migrate_postgres(owner_url, "segments", MIGRATIONS)

    async with engine.begin() as connection:
        outbox = "SELECT tenant_id, topic, value FROM segments.outbox ORDER BY id"
        messages = (await connection.execute(sa.text(outbox))).all()
        relayed = set((await connection.execute(sa.text("SELECT tenant_id FROM segments.outbox_lanes"))).scalars())
        searched = (await connection.execute(SEARCHED)).all()
    await engine.dispose()
    assert [tuple(row) for row in searched] == [
        (searched_text(name), searched_text(about_of(name))) for _, name, _ in rows
    ]
    assert relayed == {1, 2}
    assert {message.topic for message in messages} == {"segops.segments"}
    assert all(message.value.endswith(b"\n") and message.value.count(b"\n") == 1 for message in messages)
    changes = [SegmentChanged.model_validate_json(message.value) for message in messages]
    kept = [segments[0], segments[2]]
    assert [(change.tenant_id, change.segment_id) for change in changes] == [(row.tenant_id, row.id) for row in kept]
    assert [(change.name, change.version, change.refresh, change.deleted) for change in changes] == [
        (name, 7, "hourly", False) for _, name, deleted in rows if not deleted
    ]
    assert b"1e300" in messages[0].value
    await _membership_takes_the_name(changes[0])


async def _membership_takes_the_name(change: SegmentChanged) -> None:
    definitions = MemorySegmentDefinitions()
    await definitions.apply([change.model_copy(update={"name": None})])
    await definitions.apply([change])
    stored = await definitions.find(change.tenant_id, change.segment_id)
    assert stored is not None
    assert stored.name == change.name


def _values(tenant: int, name: str, *, deleted: bool) -> dict[str, object]:
    about = about_of(name)
    return {"tenant": tenant, "name": name, "about": about, "definition": DEFINITION, "deleted": deleted}


def about_of(name: str) -> str:
    return f"Für {name}"


def _before_names(folder: Path) -> Path:
    """Return a copy of the migrations that ends before the names."""
    (folder / "versions").mkdir()
    for file in sorted((MIGRATIONS / "versions").glob("00*.py")):
        if file.name < "0010":
            shutil.copy(file, folder / "versions")
    return folder
