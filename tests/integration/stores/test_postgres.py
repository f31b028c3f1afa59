"""Sessions and errors, on a real PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.problems import Unavailable, ValidationFailed
from segops_common.stores.postgres import check_postgres, create_engine, read_session, statement_session, write_session


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def schema(engine: AsyncEngine) -> str:
    name = f"s_{secrets.token_hex(6)}"
    async with write_session(engine) as session:
        await session.execute(sa.schema.CreateSchema(name))
    return name


async def test_a_read_session_cannot_write(engine: AsyncEngine) -> None:
    await check_postgres(engine)
    with pytest.raises(DBAPIError):
        async with read_session(engine) as session:
            await session.execute(sa.text("CREATE TABLE forbidden (a int)"))


async def test_a_write_session_is_undone_when_its_block_raises(engine: AsyncEngine, schema: str) -> None:
    async def write_and_fail() -> None:
        async with write_session(engine) as session:
            await session.execute(sa.text(f"CREATE TABLE {schema}.undone (a int)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    async with read_session(engine) as session:
        table = await session.scalar(sa.text(f"SELECT to_regclass('{schema}.undone')"))
    assert table is None


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
async def test_a_text_that_cannot_be_stored_is_the_callers_fault(engine: AsyncEngine, value: str) -> None:
    with pytest.raises(ValidationFailed):
        async with write_session(engine) as session:
            await session.execute(sa.text("SELECT CAST(:value AS text)"), {"value": value})


async def test_a_dead_server_is_unavailable() -> None:
    engine = create_engine("postgresql+asyncpg://segops:x@127.0.0.1:9/segops")
    with pytest.raises(Unavailable):
        async with write_session(engine) as session:
            await session.execute(sa.text("SELECT 1"))
    await engine.dispose()


async def test_an_integer_that_cannot_be_stored_is_the_callers_fault(engine: AsyncEngine) -> None:
    with pytest.raises(ValidationFailed):
        async with write_session(engine) as session:
            await session.execute(sa.text("SELECT CAST(:value AS bigint)"), {"value": 2**63})


async def test_a_statement_that_takes_too_long_is_unavailable(postgres_url: str) -> None:
    engine = create_engine(postgres_url, statement_timeout_s=0.2)
    with pytest.raises(Unavailable):
        async with write_session(engine) as session:
            await session.execute(sa.text("SELECT pg_sleep(5)"))
    await check_postgres(engine)
    await engine.dispose()


async def test_a_pool_that_is_used_up_is_unavailable(postgres_url: str) -> None:
    engine = create_engine(postgres_url, pool_size=1)
    async with write_session(engine) as held:
        await held.execute(sa.text("SELECT 1"))
        with pytest.raises(Unavailable):
            async with read_session(engine) as session:
                await session.execute(sa.text("SELECT 1"))
    await engine.dispose()


async def test_a_connection_that_broke_is_replaced(engine: AsyncEngine, postgres_url: str) -> None:
    other = create_engine(postgres_url, pool_size=1)
    async with read_session(other) as session:
        process = await session.scalar(sa.text("SELECT pg_backend_pid()"))
    async with write_session(engine) as session:
        await session.execute(sa.text("SELECT pg_terminate_backend(:process, 2000)"), {"process": process})
    async with read_session(other) as session:
        assert await session.scalar(sa.text("SELECT pg_backend_pid()")) != process
    with pytest.raises(Unavailable):
        async with write_session(other) as session:
            await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await other.dispose()


async def test_a_transaction_whose_client_is_silent_is_undone(
    postgres_url: str, engine: AsyncEngine, schema: str
) -> None:
    async with write_session(engine) as session:
        await session.execute(sa.text(f"CREATE TABLE {schema}.kept (a int PRIMARY KEY)"))
    silent = create_engine(postgres_url, idle_timeout_s=0.2)
    insert = sa.text(f"INSERT INTO {schema}.kept VALUES (1)")

    async def insert_and_be_silent() -> None:
        async with write_session(silent) as session:
            await session.execute(insert)
            # Waits for the silent one's end: two may not have the same key.
            async with write_session(engine) as other:
                await other.execute(insert)

    with pytest.raises(Unavailable):
        await insert_and_be_silent()
    await check_postgres(silent)
    await silent.dispose()


async def test_a_statement_by_itself_is_kept_before_its_session_ends(engine: AsyncEngine, schema: str) -> None:
    async with statement_session(engine) as session:
        await session.execute(sa.text(f"CREATE TABLE {schema}.kept (a int)"))
        async with read_session(engine) as other:
            assert await other.scalar(sa.text(f"SELECT count(*) FROM {schema}.kept")) == 0
    with pytest.raises(Unavailable):
        async with statement_session(engine) as session:
            await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
