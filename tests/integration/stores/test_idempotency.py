"""The store of idempotency keys on a real PostgreSQL passes the suite."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from segops_common.core.idempotency import IdempotencyStore
from segops_common.stores.idempotency import PostgresIdempotency, idempotency_table
from segops_common.stores.postgres import create_engine, write_session
from segops_testkit.clock import ManualClock
from segops_testkit.idempotency import ANSWER, FIRST, IdempotencyContract

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class PostgresHarness:
    store: IdempotencyStore
    clock: ManualClock


class TestPostgresIdempotency(IdempotencyContract):
    @pytest.fixture
    async def harness(self, postgres_url: str) -> AsyncIterator[PostgresHarness]:
        engine, schema, clock = create_engine(postgres_url), f"s_{secrets.token_hex(6)}", ManualClock(NOON)
        async with write_session(engine) as session:
            await session.execute(sa.schema.CreateSchema(schema))
            await (await session.connection()).run_sync(idempotency_table(schema).create)
        yield PostgresHarness(PostgresIdempotency(engine=engine, schema=schema, clock=clock), clock)
        await engine.dispose()

    async def test_a_late_release_does_not_undo_an_answer(self, harness: PostgresHarness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.complete(FIRST, ANSWER)
        await harness.store.release(FIRST)
        assert await harness.store.reserve(FIRST) == ANSWER
