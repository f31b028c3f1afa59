"""Alembic under a lock, all or nothing, in a schema of the service's own."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from segops_common.stores.postgres import create_engine, read_session
from segops_common.stores.postgres_migrations import migrate_postgres

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    {body}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    add(tmp_path, "0001", None, 'op.create_table("first", sa.Column("id", sa.BigInteger, primary_key=True))')
    add(tmp_path, "0002", "0001", 'op.add_column("first", sa.Column("name", sa.Text))')
    return tmp_path


@pytest.fixture
def schema() -> str:
    return f"m_{secrets.token_hex(6)}"


def add(folder: Path, revision: str, down: str | None, body: str) -> None:
    text = REVISION.format(revision=revision, down=repr(down), body=body)
    (folder / "versions" / f"{revision}_x.py").write_text(text)


async def columns(url: str, schema: str) -> list[str]:
    engine = create_engine(url)
    async with read_session(engine) as session:
        columns = await session.scalars(
            sa.text(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = :s AND table_name = 'first'"
            ),
            {"s": schema},
        )
        names = list(columns)
    await engine.dispose()
    return names


async def test_check_lists_pending_migrations_and_changes_nothing(postgres_url: str, schema: str, folder: Path) -> None:
    assert await migrate_postgres(postgres_url, schema, folder, check=True) == ["0001", "0002"]
    assert await columns(postgres_url, schema) == []
    assert await migrate_postgres(postgres_url, schema, folder) == ["0001", "0002"]
    assert await migrate_postgres(postgres_url, schema, folder, check=True) == []
    assert await columns(postgres_url, schema) == ["id", "name"]


async def test_two_at_once_do_not_race(postgres_url: str, schema: str, folder: Path) -> None:
    applied = await asyncio.gather(*(migrate_postgres(postgres_url, schema, folder) for _ in range(3)))
    assert sorted(applied) == [[], [], ["0001", "0002"]]


async def test_a_failure_leaves_the_schema_as_it_was(postgres_url: str, schema: str, folder: Path) -> None:
    await migrate_postgres(postgres_url, schema, folder)
    add(folder, "0003", "0002", 'op.drop_column("first", "name"); op.execute("SELECT 1 / 0")')
    with pytest.raises(DBAPIError):
        await migrate_postgres(postgres_url, schema, folder)
    assert await columns(postgres_url, schema) == ["id", "name"]
    assert await migrate_postgres(postgres_url, schema, folder, check=True) == ["0003"]
