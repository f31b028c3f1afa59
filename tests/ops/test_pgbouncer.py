"""Services behind PgBouncer in transaction mode, over TLS: many clients share few connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from segops_common.core.problems import Unavailable
from segops_common.stores.postgres import create_engine, read_session, statement_session, write_session
from segops_common.stores.postgres_address import PostgresAccess
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_membership.bootstrap import MIGRATIONS
from tests.ops.pgbouncer import SERVER_CONNECTIONS, PgBouncer
from tests.ops.programs import needed
from tests.shared.certificates import Authority

CLIENTS = 30
ROUNDS = 20
_LIMITS = sa.text("SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def access(authority: Authority) -> PostgresAccess:
    return PostgresAccess(ca_file=authority.ca_file, pooler="transaction")


@pytest.fixture(scope="module")
async def pooler(postgres_urls: dict[str, str], engines_folder: Path, authority: Authority) -> AsyncIterator[PgBouncer]:
    pooler = PgBouncer(engines_folder / "pgbouncer", needed("pgbouncer", "pgbouncer"), postgres_urls, authority)
    await pooler.start()
    yield pooler
    await pooler.stop()


@pytest.fixture(scope="module")
async def migrated(pooler: PgBouncer, access: PostgresAccess) -> None:
    """The tables of membership, made through the pooler."""
    await migrate_postgres(pooler.url_for("owner"), "membership", MIGRATIONS, access=access)


async def test_migrations_run_once_although_they_begin_together(
    migrated: None, pooler: PgBouncer, access: PostgresAccess
) -> None:
    url = pooler.url_for("owner")
    pending = await asyncio.gather(*(migrate_postgres(url, "membership", MIGRATIONS, access=access) for _ in range(3)))
    assert pending == [[], [], []]


async def test_clients_that_share_connections_see_their_own_tenants(
    migrated: None, pooler: PgBouncer, access: PostgresAccess
) -> None:
    """Statements of 30 clients alternate on three connections: none is lost, and no tenant is left behind."""
    engines = [create_engine(pooler.url_for("membership"), access=access, pool_size=1) for _ in range(CLIENTS)]
    backends: set[int] = set()

    async def use(number: int) -> None:
        engine, tenant = engines[number], 8_000_000_000 + number
        for round_number in range(ROUNDS):
            async with statement_session(engine) as session:
                reserve = sa.text("SELECT membership.reserve_profile_numbers(:tenant, 1)")
                assert await session.scalar(reserve, {"tenant": tenant}) == round_number
            async with write_session(engine) as session:
                await session.enter_tenants(tenant)
                rows = await session.execute(sa.text("SELECT tenant_id FROM membership.profile_numbers"))
                assert rows.scalars().all() == [tenant]
                backends.add(await session.scalar(sa.text("SELECT pg_backend_pid()")) or 0)

    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(use(number))
    for engine in engines:
        await engine.dispose()
    assert 1 < len(backends) <= SERVER_CONNECTIONS


async def test_transactions_have_the_limits_of_the_role(
    migrated: None, pooler: PgBouncer, access: PostgresAccess
) -> None:
    engine = create_engine(pooler.url_for("membership"), access=access)
    async with read_session(engine) as session:
        assert tuple((await session.execute(_LIMITS)).one()) == ("5s", "10s")
    await engine.dispose()


async def test_a_role_without_limits_is_refused(
    migrated: None,
    pooler: PgBouncer,
    access: PostgresAccess,
    superuser_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As before `roles.sql` was run again."""
    connection = await asyncpg.connect(superuser_url.replace("+asyncpg", ""))
    await connection.execute("ALTER ROLE segops_auth RESET idle_in_transaction_session_timeout")
    engine = create_engine(pooler.url_for("auth"), access=access)
    try:
        with pytest.raises(Unavailable):
            async with read_session(engine) as session:
                await session.execute(sa.text("SELECT 1"))
    finally:
        await engine.dispose()
        await connection.execute("ALTER ROLE segops_auth SET idle_in_transaction_session_timeout = '10s'")
        await connection.close()
    assert "run deploy/postgres/roles.sql again" in caplog.text


async def test_an_authority_that_nobody_trusts_is_refused(pooler: PgBouncer) -> None:
    engine = create_engine(pooler.url_for("auth"), access=PostgresAccess(pooler="transaction"))
    with pytest.raises(Unavailable):
        async with read_session(engine) as session:
            await session.execute(sa.text("SELECT 1"))
    await engine.dispose()
