"""Row-level security: no query sees rows of a tenant that its transaction did not enter. Tables come from the catalog."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from segops_auth.bootstrap import MIGRATIONS as AUTH_MIGRATIONS
from segops_common.core.problems import Unavailable, ValidationFailed
from segops_common.stores.postgres import TenantSession, create_engine, read_session, statement_session, write_session
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.stores.postgres_tenancy import all_tenants
from segops_membership.bootstrap import MIGRATIONS as MEMBERSHIP_MIGRATIONS
from segops_segments.bootstrap import MIGRATIONS as SEGMENTS_MIGRATIONS
from tests.node import ROOT

ROLES: Final = ROOT / "deploy" / "postgres" / "roles.sql"
SCHEMAS: Final = {"auth": AUTH_MIGRATIONS, "segments": SEGMENTS_MIGRATIONS, "membership": MEMBERSHIP_MIGRATIONS}
WITHOUT_TENANT: Final = {
    "auth.accounts",  # a person may be a member of many tenants
    "auth.refresh_families",
    "auth.refresh_tokens",
    "auth.signing_keys",
    "auth.account_links",
    "auth.mails",  # sent to people, who may be in no tenant; without a secret
    "auth.idempotency_keys",  # by caller
    "segments.idempotency_keys",
    "membership.idempotency_keys",
    *(f"{schema}.alembic_version" for schema in SCHEMAS),
}
FOR_ALL_TENANTS: Final = {
    "segops_auth_keys": {("auth.api_keys", "SELECT"), ("auth.api_keys.last_used_at", "UPDATE")},
    "segops_auth_memberships": {("auth.members", "SELECT"), ("auth.tenants", "SELECT")},
    "segops_auth_invites": {("auth.invites", "SELECT"), ("auth.invites.closed_at", "UPDATE")},
    "segops_auth_auditor": {("auth.tenants", "SELECT")},
    "segops_segments_relay": {
        *(("segments.outbox", right) for right in ("SELECT", "UPDATE", "DELETE")),
        *(("segments.outbox_lanes", right) for right in ("SELECT", "UPDATE")),
    },
    "segops_segments_scheduler": {("segments.segments", "SELECT"), ("segments.runs", "SELECT")},
    "segops_membership_exports": {("membership.exports", right) for right in ("SELECT", "UPDATE", "DELETE")},
    "segops_segments_schemas": {("segments.event_schemas", "SELECT"), ("segments.event_schema_changes", "SELECT")},
    "segops_membership_activations": {
        *(("membership.activations", right) for right in ("SELECT", "UPDATE")),
        *(("membership.activation_deliveries", right) for right in ("SELECT", "DELETE")),
    },
    "segops_membership_erasures": {
        *(("membership.erasures", right) for right in ("SELECT", "UPDATE")),
        *(("membership.erased_exits", right) for right in ("SELECT", "DELETE")),
        *(("membership.retentions", right) for right in ("SELECT", "UPDATE")),
    },
    "segops_segments_sweeper": {("segments.runs", "SELECT"), ("segments.outbox", "SELECT")},
}
FORGOTTEN: Final = "must enter its tenants"
ONE, OTHER = 7_000_000_001, 7_000_000_002
_TABLES: Final = """
    SELECT c.relnamespace::regnamespace || '.' || c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text IN ('auth', 'segments', 'membership')"""
_COLUMNS: Final = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema || '.' || table_name = :table AND (is_nullable = 'NO' OR column_name = 'tenant_id')"""
_VALUES: Final = {
    "text": "'x'",
    "uuid": "gen_random_uuid()",
    "boolean": "false",
    "timestamp with time zone": "now()",
    "json": "'{}'",
    "jsonb": "'{}'",
    "bytea": "''",
    "ARRAY": "'{}'",
}


@pytest.fixture(scope="module")
async def superuser(superuser_url: str, owner_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections of the superuser to a database with the tables of all services."""
    for schema, folder in SCHEMAS.items():
        await migrate_postgres(owner_url, schema, folder)
    engine = create_async_engine(superuser_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def transaction(superuser: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that is rolled back."""
    async with superuser.connect() as connection:
        yield connection


@pytest.fixture(params=[*SCHEMAS, "owner"])
async def engine(
    request: pytest.FixtureRequest, superuser: AsyncEngine, postgres_urls: dict[str, str]
) -> AsyncIterator[AsyncEngine]:
    """One connection of a role that logs in."""
    engine = create_engine(postgres_urls[request.param], pool_size=1)
    yield engine
    await engine.dispose()


async def protected_tables(connection: AsyncConnection | TenantSession, schema: str = "") -> list[str]:
    names = sorted((await connection.execute(sa.text(_TABLES))).scalars())
    return [name for name in names if name not in WITHOUT_TENANT and name.startswith(schema)]


def tenant_column(table: str) -> str:
    return "id" if table == "auth.tenants" else "tenant_id"


async def test_every_table_has_forced_policies_or_is_listed_as_without_a_tenant(transaction: AsyncConnection) -> None:
    rows = (await transaction.execute(sa.text(_TABLES))).all()
    assert {row.name for row in rows if not row.forced} == WITHOUT_TENANT
    assert len(rows) > len(WITHOUT_TENANT) + 15


@pytest.mark.parametrize("before", ["new connection", "used connection"])
async def test_a_query_that_forgets_the_tenant_raises_on_each_table(engine: AsyncEngine, before: str) -> None:
    if before == "used connection":
        async with write_session(engine) as session:
            await session.enter_tenants(ONE)
    async with read_session(engine) as session:
        schema = str(await session.scalar(sa.text("SELECT current_user"))).removeprefix("segops_")
        tables = await protected_tables(session, "" if schema == "owner" else schema)
    assert tables
    for table in tables:
        column = tenant_column(table)
        for statement in (
            f"SELECT * FROM {table}",
            f"SELECT count(*) FROM {table} WHERE {column} = {ONE}",
            f"INSERT INTO {table} ({column}) VALUES ({ONE})",
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
        ):
            # The audit log has no right to be changed at all, which PostgreSQL checks first.
            denied = "permission denied" if table == "auth.audit_log" else FORGOTTEN
            with pytest.raises(DBAPIError, match=f"{FORGOTTEN}|{denied}|append-only"):
                async with write_session(engine) as session:
                    await session.execute(sa.text(statement))


@pytest.mark.parametrize("schema", list(SCHEMAS))
async def test_a_transaction_sees_and_changes_rows_of_its_tenant_only(
    transaction: AsyncConnection, schema: str
) -> None:
    tables = await protected_tables(transaction, schema)
    await transaction.execute(sa.text("SET LOCAL session_replication_role = replica"))  # without foreign keys
    for number, table in enumerate(tables):
        for tenant in (ONE, OTHER):
            await transaction.execute(await _any_row(transaction, table, tenant, number))
    await transaction.execute(sa.text(f"SET LOCAL ROLE segops_{schema}"))
    for tenants in ((ONE,), (OTHER,), (ONE, OTHER), ()):
        await transaction.execute(
            sa.text("SELECT set_config('segops.tenants', :t, true)"), {"t": f"{{{','.join(map(str, tenants))}}}"}
        )
        for table in tables:
            column = tenant_column(table)
            own = sa.text(f"SELECT {column} FROM {table} WHERE {column} IN ({ONE}, {OTHER}) ORDER BY 1")
            assert tuple((await transaction.execute(own)).scalars()) == tenants, table
            assert set((await transaction.execute(sa.text(f"SELECT {column} FROM {table}"))).scalars()) == set(tenants)


async def _any_row(connection: AsyncConnection, table: str, tenant: int, number: int) -> sa.TextClause:
    """Return an insert of a row of the tenant with a value in every column that needs one."""
    columns = {row.column_name: row.data_type for row in await connection.execute(sa.text(_COLUMNS), {"table": table})}
    values = {name: _VALUES.get(kind, str(tenant + number * 100)) for name, kind in columns.items()}
    values |= {name: str(1 + number) for name, kind in columns.items() if kind == "integer"}
    values |= {name: f"'{tenant}'" for name in ("slug", "token_hash", "key_hash") if name in columns}
    values[tenant_column(table)] = str(tenant)
    insert = f"INSERT INTO {table} ({', '.join(values)}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(values.values())})"
    return sa.text(insert)


async def test_a_row_of_another_tenant_is_not_accepted(superuser: AsyncEngine, postgres_urls: dict[str, str]) -> None:
    engine = create_engine(postgres_urls["membership"])
    insert = "INSERT INTO membership.tenant_heads (tenant_id, run_id, number) VALUES (:tenant, 1, 1)"

    async def as_one(statement: str, tenant: int) -> None:
        async with write_session(engine) as session:
            await session.enter_tenants(ONE)
            await session.execute(sa.text(statement), {"tenant": tenant})

    await as_one(insert, ONE)
    for statement in (insert, "UPDATE membership.tenant_heads SET tenant_id = :tenant"):
        with pytest.raises(DBAPIError, match="row-level security"):
            await as_one(statement, OTHER)
    await engine.dispose()


async def test_a_connection_goes_back_without_tenant_and_without_role(
    superuser: AsyncEngine, postgres_urls: dict[str, str]
) -> None:
    engine = create_engine(postgres_urls["segments"], pool_size=1)
    state = sa.text(
        "SELECT pg_backend_pid(), current_user::text, coalesce(current_setting('segops.tenants', true), '')"
    )

    async def use(*, fails: bool, role: str = "") -> None:
        async with write_session(engine) as session:
            await session.enter_tenants([ONE, OTHER])
            if role:
                await session.enter_role(role)
            assert (await session.execute(state)).one()[1:] == (
                role or "segops_segments",
                "" if role else f"{{{ONE},{OTHER}}}",
            )
            if fails:
                await session.execute(sa.text("SELECT 1 / 0"))

    async with read_session(engine) as session:
        first = (await session.execute(state)).one()
    await use(fails=False)
    await use(fails=False, role="segops_segments_relay")
    for role in ("", "segops_segments_relay"):
        with pytest.raises(ValidationFailed):
            await use(fails=True, role=role)
    async with statement_session(engine) as single:
        await single.enter_tenants(ONE)
    async with read_session(engine) as session:
        assert (await session.execute(state)).one() == first
    await engine.dispose()


@pytest.mark.parametrize("change", ["SUPERUSER", "BYPASSRLS"])
async def test_a_role_that_bypasses_policies_is_refused(
    superuser: AsyncEngine, superuser_url: str, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = f"test_{secrets.token_hex(4)}"
    await _in_autocommit(superuser, f"CREATE ROLE {role} LOGIN PASSWORD 'secret' {change}")
    url = make_url(superuser_url).set(username=role, password="secret")
    engine = create_engine(url.render_as_string(hide_password=False))
    with pytest.raises(Unavailable):
        async with read_session(engine) as session:
            await session.execute(sa.text("SELECT 1"))
    assert f"the role {role} must not bypass row-level security" in caplog.text
    await engine.dispose()
    await _in_autocommit(superuser, f"DROP ROLE {role}")


async def test_a_statement_by_itself_leaves_no_tenant(superuser: AsyncEngine, postgres_urls: dict[str, str]) -> None:
    engine = create_engine(postgres_urls["membership"], pool_size=1)
    async with statement_session(engine) as session:
        assert await session.scalar(sa.text(f"SELECT membership.reserve_profile_numbers({ONE}, 5)")) == 0
        with pytest.raises(DBAPIError, match=FORGOTTEN):
            await session.execute(sa.text("SELECT * FROM membership.profile_numbers"))
    await engine.dispose()


async def test_roles_that_log_in_own_nothing_and_have_no_power(transaction: AsyncConnection) -> None:
    powers = (
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit "
        "FROM pg_roles WHERE rolname LIKE 'segops\\_%' ORDER BY 1"
    )
    roles = (await transaction.execute(sa.text(powers))).all()
    log_in = {"segops_owner", *(f"segops_{schema}" for schema in SCHEMAS)}
    assert {role.rolname for role in roles} == log_in | set(FOR_ALL_TENANTS)
    assert all(not any(role[1:]) for role in roles)
    can = await transaction.execute(sa.text("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^segops_'"))
    assert set(can.scalars()) == log_in
    owners = await transaction.execute(
        sa.text(
            "SELECT DISTINCT refobjid::regrole::text FROM pg_shdepend "
            "WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND refobjid::regrole::text ~ '^segops_'"
        )
    )
    assert set(owners.scalars()) == {"segops_owner"}


async def test_a_service_cannot_use_the_schema_of_another(transaction: AsyncConnection) -> None:
    query = sa.text(
        "SELECT has_schema_privilege(:role, :schema, 'USAGE'), has_schema_privilege(:role, :schema, 'CREATE')"
    )
    for service in SCHEMAS:
        for schema in SCHEMAS:
            rights = (await transaction.execute(query, {"role": f"segops_{service}", "schema": schema})).one()
            assert tuple(rights) == (service == schema, False), (service, schema)


@pytest.mark.parametrize("role", list(FOR_ALL_TENANTS))
async def test_a_role_for_all_tenants_has_only_the_rights_for_its_purpose(
    transaction: AsyncConnection, role: str
) -> None:
    tables = (
        "SELECT table_schema || '.' || table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = :role"
    )
    columns = (
        "SELECT table_schema || '.' || table_name || '.' || column_name, privilege_type "
        "FROM information_schema.role_column_grants AS c WHERE grantee = :role AND NOT EXISTS ("
        "SELECT FROM information_schema.role_table_grants AS t WHERE t.grantee = c.grantee AND t.table_name = c.table_name"
        " AND t.table_schema = c.table_schema AND t.privilege_type = c.privilege_type)"
    )
    rights = {row for query in (tables, columns) for row in await _rows(transaction, query, role)}
    assert rights == FOR_ALL_TENANTS[role]
    policies = sa.text("SELECT schemaname || '.' || tablename FROM pg_policies WHERE CAST(:role AS name) = ANY (roles)")
    tables_with_policy = set((await transaction.execute(policies, {"role": role})).scalars())
    assert tables_with_policy == {name for name, right in FOR_ALL_TENANTS[role] if right == "SELECT"}


async def _rows(connection: AsyncConnection, query: str, role: str) -> Sequence[tuple[str, str]]:
    return [(row[0], row[1]) for row in await connection.execute(sa.text(query), {"role": role})]


async def test_tables_that_a_superuser_created_are_taken_over(
    superuser: AsyncEngine, superuser_url: str, postgres_urls: dict[str, str], tmp_path: Path
) -> None:
    name = "segops_taken_over"
    urls = {
        role: f"{url.rpartition('/')[0]}/{name}" for role, url in (postgres_urls | {"superuser": superuser_url}).items()
    }
    await _in_autocommit(superuser, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    for schema, folder in SCHEMAS.items():
        await migrate_postgres(urls["superuser"], schema, _before_row_level_security(folder, tmp_path / schema))
    admin = create_async_engine(urls["superuser"])
    head = "INSERT INTO membership.tenant_heads (tenant_id, run_id, number) VALUES (1, 5, 6)"
    await _in_autocommit(admin, head)
    connection = await admin.raw_connection()
    assert connection.driver_connection is not None
    await connection.driver_connection.execute(ROLES.read_text())
    connection.close()
    for schema, folder in SCHEMAS.items():
        assert await migrate_postgres(urls["owner"], schema, folder) != []
    engine = create_engine(urls["membership"])
    async with read_session(engine) as session:
        await session.enter_tenants(1)
        assert await session.scalar(sa.text("SELECT run_id FROM membership.tenant_heads")) == 5
    await engine.dispose()
    await admin.dispose()
    await _in_autocommit(superuser, f"DROP DATABASE {name} WITH (FORCE)")


def _before_row_level_security(migrations: Path, copy: Path) -> Path:
    """Return a copy of the migrations that ends before the one of row-level security."""
    revisions = sorted((migrations / "versions").glob("[0-9]*.py"))
    newest = next(number for number, file in enumerate(revisions) if "row_level_security" in file.name)
    (copy / "versions").mkdir(parents=True)
    for file in revisions[:newest]:
        shutil.copy(file, copy / "versions")
    return copy


async def test_a_missing_role_is_named_with_what_to_do(transaction: AsyncConnection) -> None:
    first = next(iter(all_tenants("auth", "segops_auth_nowhere", {"tenants": "SELECT"})))
    with pytest.raises(DBAPIError, match=r"segops_auth_nowhere must exist: run deploy/postgres/roles\.sql"):
        await transaction.execute(sa.text(first))


async def _in_autocommit(engine: AsyncEngine, *statements: str) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))
