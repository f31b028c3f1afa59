"""Sessions of PostgreSQL that raise EngineUnavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import ReadSession, WriteSession, read_session, statement_session, write_session
from segops_membership.adapters.driver_errors import driver_errors


@asynccontextmanager
async def reading(engine: AsyncEngine, tenants: int | Collection[int]) -> AsyncIterator[ReadSession]:
    """Open a session that only reads, and only rows of these tenants."""
    with driver_errors():
        async with read_session(engine) as session:
            await session.enter_tenants(tenants)
            yield session


@asynccontextmanager
async def single_statement(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    """Open a session in which each statement commits by itself.

    Its statements call functions, which enter the tenant in the same transaction.
    """
    with driver_errors():
        async with statement_session(engine) as session:
            yield session


@asynccontextmanager
async def transaction(engine: AsyncEngine, tenants: int | Collection[int]) -> AsyncIterator[WriteSession]:
    """Open a session for rows of these tenants, which commits at the end of the block."""
    with driver_errors():
        async with write_session(engine) as session:
            await session.enter_tenants(tenants)
            yield session
