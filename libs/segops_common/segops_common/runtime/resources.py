"""Resources as context managers: each is opened here and closed at the end of its block.

Drivers are imported by the function that uses them: a process pays only for the drivers of its own engines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segops_common.core.clock import Clock
from segops_common.stores.postgres_address import PostgresAccess
from segops_common.stores.redis_address import RedisAccess
from segops_common.streams.address import ANONYMOUS, LogAccess
from segops_common.streams.log import EventLog
from segops_common.streams.open import open_event_log
from segops_common.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import AsyncEngine

    from segops_common.security.introspect import RemoteAuthenticator
    from segops_common.stores.clickhouse import ClickHouse


@asynccontextmanager
async def opened_postgres(
    url: str, *, access: PostgresAccess, metrics: Metrics | None = None
) -> AsyncIterator[AsyncEngine]:
    """Yield an engine for `postgresql+asyncpg://…`; it connects on first use. `metrics` show its pool."""
    from segops_common.stores.postgres import connections_in_use, create_engine

    engine = create_engine(url, access=access)
    if metrics is not None:
        pool, limit = connections_in_use(engine)
        metrics.watch_pool("postgres", limit=limit, in_use=pool)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def opened_redis(url: str, *, access: RedisAccess, timeout_s: float | None = None) -> AsyncIterator[Redis]:
    """Yield a client; it connects on first use. Without `timeout_s` it waits as long as for a cache."""
    from segops_common.stores.redis import close_redis, create_redis

    redis = create_redis(url, timeout_s=timeout_s, access=access)
    try:
        yield redis
    finally:
        await close_redis(redis)


@asynccontextmanager
async def opened_clickhouse(
    url: str,
    *,
    ca_file: Path | None,
    max_connections: int = 16,
    pool: str = "clickhouse",
    metrics: Metrics | None = None,
) -> AsyncIterator[ClickHouse]:
    """Yield a client for `http://user:password@host:port/database`, or `https://…`; it connects on first use.

    `metrics` show its connections under the name `pool`.
    """
    from segops_common.stores.clickhouse import ClickHouse

    clickhouse = ClickHouse(url=url, max_connections=max_connections, ca_file=ca_file)
    if metrics is not None:
        metrics.watch_pool(pool, limit=max_connections, in_use=lambda: clickhouse.in_use)
    try:
        yield clickhouse
    finally:
        await clickhouse.close()


@asynccontextmanager
async def opened_event_log(url: str, *, clock: Clock, access: LogAccess = ANONYMOUS) -> AsyncIterator[EventLog]:
    """Yield the event log at `valkey://…` or `kafka://…`, with TLS at `valkeys://…` or `kafkas://…`; it connects on first
    use.

    Raises ValueError for any other address.
    """
    log = open_event_log(url, clock=clock, access=access)
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def opened_authenticator(
    *,
    auth_url: str,
    service_token: str,
    redis_url: str,
    redis_access: RedisAccess,
    clock: Clock,
    takes_sessions: bool = False,
) -> AsyncIterator[RemoteAuthenticator]:
    """Yield an authenticator that asks auth, with a Redis connection of its own for cache invalidation."""
    from segops_common.security.introspect import RemoteAuthenticator

    async with (
        opened_redis(redis_url, access=redis_access) as redis,
        RemoteAuthenticator(
            auth_url=auth_url, service_token=service_token, redis=redis, clock=clock, takes_sessions=takes_sessions
        ) as authenticator,
    ):
        yield authenticator
