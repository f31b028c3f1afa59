"""Idempotency keys with peppered digests pass the suite of every idempotency store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from segops_auth.adapters.idempotency import PepperedIdempotency
from segops_auth.service.secrets import Secrets
from segops_common.core.idempotency import IdempotencyStore, IdempotentCall, StoredAnswer
from segops_common.core.ids import SystemIds
from segops_common.stores.idempotency import PostgresIdempotency, idempotency_table
from segops_common.stores.postgres import create_engine, write_session
from segops_testkit.clock import ManualClock
from segops_testkit.idempotency import FIRST, IdempotencyContract, MemoryIdempotency

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class PepperedHarness:
    store: IdempotencyStore
    clock: ManualClock


def peppered(store: IdempotencyStore, clock: ManualClock) -> PepperedHarness:
    return PepperedHarness(
        PepperedIdempotency(store=store, secrets=Secrets(pepper="pepper", ids=SystemIds(clock))), clock
    )


class TestInMemory(IdempotencyContract):
    @pytest.fixture
    def harness(self) -> PepperedHarness:
        clock = ManualClock(NOON)
        return peppered(MemoryIdempotency(clock=clock), clock)


class TestInPostgres(IdempotencyContract):
    @pytest.fixture
    async def harness(self, owner_url: str) -> AsyncIterator[PepperedHarness]:
        engine, schema, clock = create_engine(owner_url), f"auth_{secrets.token_hex(6)}", ManualClock(NOON)
        async with write_session(engine) as session:
            await session.execute(sa.schema.CreateSchema(schema))
            await (await session.connection()).run_sync(idempotency_table(schema).create)
        yield peppered(PostgresIdempotency(engine=engine, schema=schema, clock=clock), clock)
        await engine.dispose()


class RecordingIdempotency:
    """Keeps the calls that it receives."""

    def __init__(self) -> None:
        self.calls: list[IdempotentCall] = []

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        self.calls.append(call)
        return None

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        self.calls.append(call)

    async def release(self, call: IdempotentCall) -> None:
        self.calls.append(call)


async def test_the_plain_digest_never_reaches_the_store() -> None:
    recording = RecordingIdempotency()
    store = peppered(recording, ManualClock(NOON)).store
    await store.reserve(FIRST)
    await store.complete(FIRST, StoredAnswer(201, None))
    await store.release(FIRST)
    assert len({call.digest for call in recording.calls}) == 1
    assert all(FIRST.digest not in call.digest for call in recording.calls)
    assert {replace(call, digest=FIRST.digest) for call in recording.calls} == {FIRST}
