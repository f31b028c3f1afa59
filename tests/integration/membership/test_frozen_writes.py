"""A worker that freezes in the middle of a write to PostgreSQL does not block others."""

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

from segops_common.contracts.jobs import SegmentResult, SucceededResult
from segops_common.stores.postgres import create_engine
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.domain.publication import Attempt, Publication
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.tenant_leases import LeaseLost
from tests.corpus.builders import NOW, NOW_MS, new_tenant
from tests.integration.membership.harness import MembershipHarness

TTL: Final = timedelta(seconds=0.5)
LONG: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Freezing:
    """Adapters whose process freezes after its next statements were answered, before it ends the transaction."""

    leases: PostgresTenantLeases
    publications: PostgresPublicationLog
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
    world = Freezing(
        PostgresTenantLeases(engine=engine), PostgresPublicationLog(engine=engine), asyncio.Event(), asyncio.Event()
    )

    def freeze(_connection: sa.Connection) -> None:
        world.frozen.set()
        await_only(world.thawed.wait())

    # What ends the client's part: a statement that the server ends by itself has nothing to commit.
    for end in ("commit", "rollback"):
        sa.event.listen(engine.sync_engine, end, freeze)
    yield world
    await engine.dispose()


async def test_a_worker_frozen_while_it_takes_a_lease_keeps_it_no_longer_than_its_life(
    harness: MembershipHarness, freezing: Freezing
) -> None:
    tenant = new_tenant()
    async with freezing.frozen_in(freezing.leases.acquire(tenant, "frozen", TTL)) as acquired:
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        assert await harness.leases.acquire(tenant, "other", LONG) == 2
    assert await acquired == 1
    with pytest.raises(LeaseLost):
        await freezing.leases.renew(tenant, 1, TTL)


async def test_a_worker_frozen_while_it_renews_a_lease_keeps_it_no_longer_than_its_life(
    harness: MembershipHarness, freezing: Freezing
) -> None:
    tenant = new_tenant()
    fence = await harness.leases.acquire(tenant, "frozen", TTL)
    async with freezing.frozen_in(freezing.leases.renew(tenant, fence, TTL)):
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        assert await harness.leases.acquire(tenant, "other", LONG) == fence + 1


async def test_a_worker_frozen_while_it_publishes_has_published_nothing(
    harness: MembershipHarness, freezing: Freezing
) -> None:
    tenant = new_tenant()
    fence = await harness.leases.acquire(tenant, "frozen", TTL)
    segment = SegmentResult(segment_id=42, version=1, size=0, entered=0, exited=0)
    publication = Publication(
        tenant_id=tenant,
        attempt=Attempt(1, fence),
        base_run_id=0,
        as_of_ms=NOW_MS,
        at=NOW,
        result=SucceededResult(run_id=1, tenant_id=tenant, at=NOW, segments=(segment,)),
    )
    async with freezing.frozen_in(freezing.publications.append(tenant, publication)) as append:
        await asyncio.sleep(TTL.total_seconds() + 0.1)
        # It may have to wait until PostgreSQL has given up the frozen one.
        assert await harness.leases.acquire(tenant, "other", LONG) == fence + 1
    with pytest.raises(EngineUnavailable):
        await append
    assert await harness.publications.find(tenant, 1) is None
    assert (await harness.publications.head(tenant)).run_id == 0
