"""The segments service on a migrated PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.core.clock import SystemClock
from segops_common.security.permissions import Role, Scope
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.stores.postgres import create_engine
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.web.app import Running
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.http.membership import HttpMembership
from segops_segments.adapters.postgres.event_schemas.store import PostgresSchemaStore
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.app import api_app
from segops_segments.bootstrap import MIGRATIONS
from segops_segments.service.apply_results import ApplyResults
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.use_cases import UseCases
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process

NOWHERE = "http://127.0.0.1:1"
LEASE = timedelta(minutes=15)


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["segments"]


@pytest.fixture(scope="session")
async def migrated_url(owner_url: str, postgres_url: str) -> str:
    """The database with the schema `segments`."""
    await migrate_postgres(owner_url, "segments", MIGRATIONS)
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
def queue() -> RunQueue:
    """The queue of runs, with the production lease."""
    return RunQueue(clock=SystemClock(), lease=LEASE)


@pytest.fixture(scope="session")
def audit() -> MemoryAuditTrail:
    """The audit logs of all tenants, which auth keeps in production."""
    return MemoryAuditTrail()


@pytest.fixture(scope="session")
def use_cases(store: PostgresStore, engine: AsyncEngine, queue: RunQueue, audit: MemoryAuditTrail) -> UseCases:
    """The use cases of the API. Membership is unreachable, so definitions are not compared with events."""
    membership = HttpMembership(membership_url=NOWHERE, service_token="service")
    return UseCases.over(
        store,
        PostgresSchemaStore(engine=engine),
        audit=audit,
        clock=SystemClock(),
        queue=queue,
        spools=file_spool,
        observed_events=membership,
        known_users=membership,
        service_tokens=("service",),
    )


@pytest.fixture(scope="session")
def results(store: PostgresStore, queue: RunQueue) -> ApplyResults:
    """The use case of the results consumer."""
    return ApplyResults(store=store, queue=queue, lease=LEASE)


@pytest.fixture(scope="session")
def callers() -> FakeAuthenticator:
    """Tenant 1 has `owner`, `viewer` and the keys, tenant 2 has `stranger`; `both` is in both."""
    callers = FakeAuthenticator()
    callers.add_user("owner", 1, {1: Role.OWNER})
    callers.add_user("viewer", 2, {1: Role.VIEWER})
    callers.add_user("stranger", 3, {2: Role.OWNER})
    callers.add_user("both", 4, {1: Role.VIEWER, 2: Role.MEMBER})
    callers.add_key("reader", 1, [Scope.SEGMENTS_READ])
    callers.add_key("writer", 1, [Scope.SEGMENTS_READ, Scope.SEGMENTS_WRITE])
    callers.add_key("events", 1, [Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ])
    return callers


@pytest.fixture(scope="session")
async def client(
    engine: AsyncEngine, use_cases: UseCases, callers: FakeAuthenticator
) -> AsyncIterator[httpx.AsyncClient]:
    """The API in this process."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        idempotency = PostgresIdempotency(engine=engine, schema="segments", clock=SystemClock())
        yield Running(use_cases, authenticator=callers, idempotency=idempotency)

    async with in_process(api_app(lifespan)) as client:
        yield client
