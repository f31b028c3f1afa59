"""The segments service on a migrated PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.clock import SystemClock
from segops_common.security.permissions import Role, Scope
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.stores.postgres import create_engine
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.web.app import Running
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.http.observed_events import RemoteObserved
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.app import api_app
from segops_segments.bootstrap import MIGRATIONS
from segops_segments.service.request_runs import RunService
from segops_segments.service.run_stream import RunFollowing
from segops_segments.service.segments.manage import SegmentService
from segops_segments.service.static_lists import StaticListService
from segops_segments.service.use_cases import UseCases
from segops_segments.service.validation.report import Verdicts
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
async def migrated_url(postgres_url: str) -> str:
    """The database with the schema `segments`."""
    await migrate_postgres(postgres_url, "segments", MIGRATIONS)
    return postgres_url


@pytest.fixture(scope="session")
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to the migrated database."""
    engine = create_engine(migrated_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def store(engine: AsyncEngine) -> PostgresStore:
    """The store that the service uses in production."""
    return PostgresStore(engine=engine)


@pytest.fixture(scope="session")
def runs(store: PostgresStore) -> RunService:
    """The use cases of runs."""
    return RunService(store=store, clock=SystemClock(), lease=timedelta(minutes=15))


@pytest.fixture(scope="session")
def callers() -> FakeAuthenticator:
    """`owner`, `viewer` and the keys are of tenant 1, `stranger` of tenant 2, `both` of the two."""
    known = FakeAuthenticator()
    known.add_user("owner", 1, {1: Role.OWNER})
    known.add_user("viewer", 2, {1: Role.VIEWER})
    known.add_user("stranger", 3, {2: Role.OWNER})
    known.add_user("both", 4, {1: Role.VIEWER, 2: Role.MEMBER})
    known.add_key("reader", 1, [Scope.SEGMENTS_READ])
    known.add_key("writer", 1, [Scope.SEGMENTS_READ, Scope.SEGMENTS_WRITE])
    known.add_key("events", 1, [Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ])
    return known


@pytest.fixture(scope="session")
async def client(
    engine: AsyncEngine, store: PostgresStore, runs: RunService, callers: FakeAuthenticator
) -> AsyncIterator[httpx.AsyncClient]:
    """The API in this process."""
    clock = SystemClock()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        use_cases = UseCases(
            segments=SegmentService(store=store, clock=clock),
            runs=runs,
            lists=StaticListService(store=store, runs=runs, spools=file_spool, clock=clock),
            following=RunFollowing(store=store, clock=clock),
            verdicts=Verdicts(store=store, observed=RemoteObserved(membership_url=NOWHERE, service_token="service")),
        )
        idempotency = PostgresIdempotency(engine=engine, schema="segments", clock=clock)
        yield Running(use_cases, authenticator=callers, idempotency=idempotency)

    async with in_process(api_app(lifespan)) as client:
        yield client
