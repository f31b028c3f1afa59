"""Each port of auth, in memory and on the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_auth.adapters.memory.store import MemoryStore
from segops_auth.adapters.postgres.tables import SCHEMA
from segops_auth.adapters.postgres.writer import PostgresStore
from segops_auth.bootstrap import MIGRATIONS
from segops_auth.ports.store import Store
from segops_common.stores.postgres import create_engine
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.stores.redis import create_redis


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["auth"]


@pytest.fixture(scope="session")
async def auth_engine(owner_url: str, postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """PostgreSQL with the tables of auth, which other tests use too."""
    await migrate_postgres(owner_url, SCHEMA, MIGRATIONS)
    engine = create_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def memory_store() -> Store:
    return MemoryStore()


@pytest.fixture
async def postgres_store(auth_engine: AsyncEngine) -> Store:
    return PostgresStore(engine=auth_engine)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """The store to test; PostgreSQL starts only for tests that use it."""
    store: Store = request.getfixturevalue(f"{request.param}_store")
    return store


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = create_redis(redis_url, timeout_s=5)
    yield client
    await client.aclose()
