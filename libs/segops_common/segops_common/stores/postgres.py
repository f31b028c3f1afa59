"""PostgreSQL through SQLAlchemy and asyncpg: one engine a process, sessions whose type says what they may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from segops_common.core.problems import Fault, Unavailable, ValidationFailed

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 10.0
"""How long a transaction may wait for its client: one that froze, or its machine, must not keep locks from the others.

More than anything may take that is done within a transaction, such as an append to the event log.
"""

# Cancelled or shut down (57), out of something (53), deadlocked (40): the same transaction may succeed later.
_PASSING = (asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError)


class ReadSession(AsyncSession):
    """A session whose transaction is read only; PostgreSQL refuses a write in it."""


class WriteSession(AsyncSession):
    """A session whose transaction is committed once, at the end of its block."""


def create_engine(
    url: str,
    *,
    pool_size: int = 10,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> AsyncEngine:
    """An engine for `postgresql+asyncpg://…`; connects when first used."""
    settings = {
        "statement_timeout": str(int(statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": str(int(idle_timeout_s * 1000)),
        "timezone": "UTC",
    }
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            # The server ends a statement first; this is for a server that has stopped answering.
            "command_timeout": statement_timeout_s + 1,
            "server_settings": settings,
        },
    )


@asynccontextmanager
async def read_session(engine: AsyncEngine) -> AsyncIterator[ReadSession]:
    """A read-only transaction; raises Unavailable when PostgreSQL does not answer."""
    read_only = engine.execution_options(postgresql_readonly=True)
    async with _translated_errors(), ReadSession(read_only, expire_on_commit=False) as session:
        yield session


@asynccontextmanager
async def write_session(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    """A transaction that commits when the block ends and is undone when it raises.

    Raises Unavailable when PostgreSQL does not answer, ValidationFailed for a value that it cannot hold.
    """
    async with _translated_errors(), WriteSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def statement_session(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    """Each statement is a transaction that the server ends by itself: a client that freezes keeps no lock.

    Raises as `write_session`.
    """
    by_itself = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with _translated_errors(), WriteSession(by_itself, expire_on_commit=False) as session:
        yield session


async def check_postgres(engine: AsyncEngine) -> None:
    """Raises when PostgreSQL does not answer a query."""
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))


@asynccontextmanager
async def _translated_errors() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(error, DataError) or isinstance(cause, asyncpg.DataError):
            fault = Fault("", "not-storable", "a value is outside of what can be stored")
            raise ValidationFailed("A value cannot be stored.", errors=[fault]) from error
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        if lost or isinstance(cause, _PASSING):
            raise Unavailable("The database does not answer.") from error
        raise
    except (TimeoutError, OSError, sa.exc.TimeoutError) as error:
        raise Unavailable("The database does not answer.") from error
