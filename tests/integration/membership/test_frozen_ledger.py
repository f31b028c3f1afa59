"""A worker that freezes in the middle of writing to the ledger keeps nobody from going on without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from segops_common.contracts.jobs import SucceededResult
from segops_common.stores.postgres import create_engine
from segops_membership.adapters.postgres.ledger import PostgresLedger
from segops_membership.domain.publication import Attempt, Proposal
from segops_membership.ports import LeaseLost, Outage
from tests.integration.membership.stack import NOW, NOW_MS, Stack, new_tenant

TTL: Final = timedelta(seconds=0.5)
LONG: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Freezing:
    """A ledger whose process freezes after its next statements were answered, before it ends the transaction."""

    ledger: PostgresLedger
    frozen: asyncio.Event
    thawed: asyncio.Event

    @asynccontextmanager
    async def frozen_in(self, call: Awaitable[Any]) -> AsyncIterator[asyncio.Future[Any]]:
        """The call, which goes on once the block ends."""
        running = asyncio.ensure_future(call)
        async with asyncio.timeout(30):
            await self.frozen.wait()
        try:
            yield running
        finally:
            self.thawed.set()
            await asyncio.wait([running])


@pytest.fixture
async def freezing(postgres_url: str) -> AsyncIterator[Freezing]:
    engine = create_engine(postgres_url, idle_timeout_s=1)
    world = Freezing(PostgresLedger(engine=engine), asyncio.Event(), asyncio.Event())

    def freeze(_connection: sa.Connection) -> None:
        world.frozen.set()
        await_only(world.thawed.wait())

    # What ends the client's part: a statement that the server ends by itself has nothing to commit.
    for end in ("commit", "rollback"):
        sa.event.listen(engine.sync_engine, end, freeze)
    yield world
    await engine.dispose()


async def test_a_worker_frozen_while_it_takes_a_lease_keeps_it_no_longer_than_its_life(
    stack: Stack, freezing: Freezing
) -> None:
    tenant = new_tenant()
    async with freezing.frozen_in(freezing.ledger.acquire(tenant, "frozen", TTL)) as acquired:
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        assert await stack.ledger.acquire(tenant, "other", LONG) == 2
    assert await acquired == 1
    with pytest.raises(LeaseLost):
        await freezing.ledger.renew(tenant, 1, TTL)


async def test_a_worker_frozen_while_it_renews_a_lease_keeps_it_no_longer_than_its_life(
    stack: Stack, freezing: Freezing
) -> None:
    tenant = new_tenant()
    fence = await stack.ledger.acquire(tenant, "frozen", TTL)
    async with freezing.frozen_in(freezing.ledger.renew(tenant, fence, TTL)):
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        assert await stack.ledger.acquire(tenant, "other", LONG) == fence + 1


async def test_a_worker_frozen_while_it_publishes_has_published_nothing(stack: Stack, freezing: Freezing) -> None:
    tenant = new_tenant()
    fence = await stack.ledger.acquire(tenant, "frozen", TTL)
    result = SucceededResult(run_id=1, tenant_id=tenant, at=NOW)
    proposal = Proposal(
        attempt=Attempt(1, fence), base_run_id=0, as_of_ms=NOW_MS, at=NOW, segment_ids=[42], result=result
    )
    async with freezing.frozen_in(freezing.ledger.append(tenant, proposal)) as append:
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        # It may have to wait until PostgreSQL has given up the frozen one.
        assert await stack.ledger.acquire(tenant, "other", LONG) == fence + 1
    with pytest.raises(Outage):
        await append
    assert await stack.ledger.publication(tenant, 1) is None
    assert (await stack.ledger.head(tenant)).run_id == 0
