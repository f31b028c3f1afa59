"""PostgreSQL through SQLAlchemy and asyncpg. The type of a session says whether it may write.

Row-level security hides the rows of every tenant. A session sees the rows of the tenants that it enters; before that, a
query on a table with rows of tenants raises an error. See `postgres_tenancy` for the policies.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from segops_common.core.problems import Fault, Unavailable, ValidationFailed
from segops_common.stores.postgres_address import DIRECT, PostgresAccess, postgres_target

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 10.0
"""How long a transaction may wait for its client: a frozen process or machine must not keep its locks.

It is longer than any step within a transaction may take, such as an append to the event log.
"""

# Cancelled or shut down (57), out of a resource (53), deadlocked (40): the same transaction may succeed later.
_TRANSIENT = (asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError)


# Local to the transaction, so that the next user of the connection starts without a tenant and without a role.
_ENTER: Final = sa.text("SELECT set_config('segops.tenants', :tenants, true), set_config('role', :role, true)")
_OWN_ROLE: Final = "none"
_POOLED: Final = "segops_pooled"


class TenantSession(AsyncSession):
    """A session of one transaction, which sees rows of the tenants that it entered last."""

    _entered: tuple[str, str] = ("", _OWN_ROLE)

    async def enter_tenants(self, tenants: int | Collection[int]) -> None:
        """See only rows of this tenant, or of these, until the end of the transaction or the next `enter_…`."""
        ids = (tenants,) if isinstance(tenants, int) else sorted(set(tenants))
        await self._enter(f"{{{','.join(map(str, ids))}}}", _OWN_ROLE)

    async def enter_role(self, role: str) -> None:
        """Act as a role that may read or change rows of all tenants for one purpose, see `deploy/postgres/roles.sql`."""
        await self._enter("", role)

    async def leave_role(self) -> None:
        """Act as the service again, for tables that have no tenant."""
        if self._entered[1] != _OWN_ROLE:
            await self._enter("", _OWN_ROLE)

    async def _enter(self, tenants: str, role: str) -> None:
        if self._entered != (tenants, role):
            await self.execute(_ENTER, {"tenants": tenants, "role": role})
            self._entered = (tenants, role)


class ReadSession(TenantSession):
    """A session with a read-only transaction, in which PostgreSQL refuses writes."""


class WriteSession(TenantSession):
    """A session whose transaction commits at the end of its block."""


class _StatementSession(WriteSession):
    """A session that commits after each statement, for a pooler.

    In PostgreSQL's own autocommit, a pooler may prepare a statement on one connection and run it on another.
    """

    async def execute(self, *args: Any, **options: Any) -> Any:
        result = await super().execute(*args, **options)
        await self._end_transaction()
        return result

    async def scalar(self, *args: Any, **options: Any) -> Any:
        value = await super().scalar(*args, **options)
        await self._end_transaction()
        return value

    async def _end_transaction(self) -> None:
        await self.commit()
        self._entered = ("", _OWN_ROLE)


def create_engine(
    url: str,
    *,
    access: PostgresAccess = DIRECT,
    pool_size: int = 10,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> AsyncEngine:
    """Return an engine for `postgresql+asyncpg://…`, which connects on first use.

    Connecting raises Unavailable for a role that bypasses row-level security, such as a superuser. A pooler shares
    connections, so behind one the time limits must be settings of the role, see `deploy/postgres/roles.sql`; connecting
    raises Unavailable if they are missing. Raises ValueError for an address that is not understood.
    """
    settings = {
        "statement_timeout": str(int(statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": str(int(idle_timeout_s * 1000)),
        "timezone": "UTC",
    }
    arguments = connection_arguments(url, access)
    if access.pooler == "none":
        arguments["server_settings"] = settings
    engine = create_async_engine(
        postgres_target(url).url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            # The server ends a statement earlier. This limit is for a server that no longer responds.
            "command_timeout": statement_timeout_s + 1,
            **arguments,
        },
        execution_options={_POOLED: access.pooler != "none"},
    )
    sa.event.listen(engine.sync_engine, "connect", _refuse_role_without_policies)
    if access.pooler != "none":
        sa.event.listen(engine.sync_engine, "connect", _refuse_role_without_limits)
    return engine


def connections_in_use(engine: AsyncEngine) -> tuple[Callable[[], int], int]:
    """Return what counts the connections that are in use, and how many there may be."""
    pool = engine.pool
    assert isinstance(pool, sa.pool.QueuePool)
    return pool.checkedout, pool.size()


def connection_arguments(url: str, access: PostgresAccess) -> dict[str, Any]:
    """Return the arguments of asyncpg that say how to connect, for this address and a pooler."""
    tls = postgres_target(url, access).tls
    arguments: dict[str, Any] = {} if tls is None else {"ssl": tls}
    if access.pooler != "none":
        # The next transaction may run on a connection that knows no statement of this one.
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": _unnamed,
        }
    return arguments


def _unnamed() -> str:
    return ""


@asynccontextmanager
async def read_session(engine: AsyncEngine) -> AsyncIterator[ReadSession]:
    """Run a read-only transaction. Raises Unavailable when PostgreSQL does not respond."""
    read_only = engine.execution_options(postgresql_readonly=True)
    async with _mapped_errors(), ReadSession(read_only, expire_on_commit=False) as session:
        yield session


@asynccontextmanager
async def write_session(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    """Run a transaction that commits at the end of the block, or rolls back on an error.

    Raises Unavailable when PostgreSQL does not respond, and ValidationFailed for a value that it cannot store.
    """
    async with _mapped_errors(), WriteSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def statement_session(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    """Run each statement as its own transaction, so that a frozen client keeps no lock.

    Raises the errors of `write_session`.
    """
    if engine.sync_engine.get_execution_options().get(_POOLED):
        async with _mapped_errors(), _StatementSession(engine, expire_on_commit=False) as session:
            yield session
        return
    by_itself = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with _mapped_errors(), WriteSession(by_itself, expire_on_commit=False) as session:
        yield session


async def applied_revision(engine: AsyncEngine, schema: str) -> int:
    """Return the number of the last revision that ran in the schema."""
    version = sa.table("alembic_version", sa.column("version_num", sa.String), schema=schema)
    async with engine.connect() as connection:
        return int((await connection.execute(sa.select(version.c.version_num))).scalar_one())


async def check_postgres(engine: AsyncEngine) -> None:
    """Raise an error unless PostgreSQL answers a query."""
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))


def _refuse_role_without_policies(connection: DBAPIConnection, _record: object) -> None:
    _refuse_role(
        connection,
        "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
        if_unknown=False,
        reason="must not bypass row-level security: connect as the service's own role",
    )


def _refuse_role_without_limits(connection: DBAPIConnection, _record: object) -> None:
    _refuse_role(
        connection,
        "SELECT current_user, current_setting('statement_timeout') = '0'"
        " OR current_setting('idle_in_transaction_session_timeout') = '0'",
        if_unknown=True,
        reason="must have time limits behind a pooler: run deploy/postgres/roles.sql again",
    )


def _refuse_role(connection: DBAPIConnection, query: str, *, if_unknown: bool, reason: str) -> None:
    """Close the connection and raise Unavailable when the query, which returns a role and a verdict, says so."""
    cursor = connection.cursor()
    cursor.execute(query)
    role, is_refused = cursor.fetchone() or ("", if_unknown)
    cursor.close()
    connection.rollback()
    if is_refused:
        connection.close()
        _log.error("the role %s %s", role, reason)
        raise Unavailable("The database is not set up for this service. Retry after `Retry-After` seconds.")


@asynccontextmanager
async def _mapped_errors() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(error, DataError) or isinstance(cause, asyncpg.DataError):
            fault = Fault("", "not-storable", "must be a value that can be stored")
            raise ValidationFailed("Every value must be storable: see `errors`.", errors=[fault]) from error
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        if lost or isinstance(cause, _TRANSIENT):
            raise Unavailable("The database does not respond. Retry after `Retry-After` seconds.") from error
        raise
    except (TimeoutError, OSError, sa.exc.TimeoutError) as error:
        raise Unavailable("The database does not respond. Retry after `Retry-After` seconds.") from error
