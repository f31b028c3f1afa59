"""Sessions, errors and idempotency keys, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.kit.errors import Conflict, Unavailable, ValidationFailed
from segops_common.kit.idempotency import IdempotentCall, StoredAnswer
from segops_common.stores.idempotency import PostgresIdempotency, idempotency_table
from segops_common.stores.postgres import check_postgres, create_engine, read_session, write_session
from segops_common.testing.clock import ManualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
        connection = await session.connection()
        await connection.run_sync(idempotency_table(name).create)
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
        found = await session.scalar(sa.text(f"SELECT to_regclass('{schema}.undone')"))
    assert found is None


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


def call(key: str = "k", digest: str = "d") -> IdempotentCall:
    return IdempotentCall("scope", key, digest)


async def test_the_first_answer_is_kept_for_a_day(engine: AsyncEngine, schema: str) -> None:
    clock = ManualClock(NOON)
    store = PostgresIdempotency(engine=engine, schema=schema, clock=clock)
    assert await store.reserve(call()) is None
    with pytest.raises(Conflict) as in_flight:
        await store.reserve(call())
    assert in_flight.value.slug == "idempotency-in-progress"
    await store.complete(call(), StoredAnswer(201, b"{}"))
    assert await store.reserve(call()) == StoredAnswer(201, b"{}")
    with pytest.raises(ValidationFailed) as reused:
        await store.reserve(call(digest="other"))
    assert reused.value.slug == "idempotency-key-reused"
    clock.advance(24 * 3600 + 1)
    assert await store.reserve(call()) is None


async def test_a_call_that_did_nothing_or_died_can_be_repeated(engine: AsyncEngine, schema: str) -> None:
    clock = ManualClock(NOON)
    store = PostgresIdempotency(engine=engine, schema=schema, clock=clock)
    assert await store.reserve(call()) is None
    await store.release(call())
    assert await store.reserve(call()) is None
    clock.advance(61)
    assert await store.reserve(call()) is None


async def test_of_many_at_once_one_is_first(engine: AsyncEngine, schema: str) -> None:
    store = PostgresIdempotency(engine=engine, schema=schema, clock=ManualClock(NOON))
    answers = await asyncio.gather(*(store.reserve(call()) for _ in range(20)), return_exceptions=True)
    assert answers.count(None) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 19
