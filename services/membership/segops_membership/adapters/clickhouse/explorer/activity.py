"""Reads what a tenant did last: events and publications in ClickHouse, the lease in PostgreSQL."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.warehouse import EVENTS_TABLE, STORAGE_DELAYS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.explorer.queries import Reader
from segops_membership.adapters.postgres.sessions import reading
from segops_membership.domain.explorer.status import DELAY_WINDOW_S, LastPublication, StorageDelay
from segops_membership.sql.parameters import Bindings, select

_COMPUTING: Final = sa.text("""
    SELECT count(*) FROM membership.tenant_leases
    WHERE tenant_id = :tenant_id AND expires_at > clock_timestamp()""")


class StoredTenantActivity:
    """See the port `TenantActivity`."""

    def __init__(self, *, clickhouse: ClickHouse, engine: AsyncEngine) -> None:
        self._reader = Reader(clickhouse)
        self._engine = engine

    async def last_received_ms(self, tenant_id: int) -> int | None:
        """See the port. All events of the tenant are read only if none was stored in the last two days."""
        recent = await self._newest("last_received_at", STORAGE_DELAYS_TABLE, tenant_id)
        return recent if recent is not None else await self._newest("received_at", EVENTS_TABLE, tenant_id)

    async def _newest(self, column: str, table: str, tenant_id: int) -> int | None:
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)}"
        sql = select(f"count(), toUnixTimestamp64Milli(max({column}))", table, where)
        count, at_ms = (await self._reader.rows(sql, bind)).rows[0]
        return int(at_ms) if count else None

    async def storage_delay(self, tenant_id: int) -> StorageDelay | None:
        """See the port. The warehouse's clock decides; the window begins with a full minute."""
        bind = Bindings()
        first = f"now() - {bind.integer(DELAY_WINDOW_S)}"
        sql = select(
            "sum(events), quantilesTDigestMerge(0.5, 0.95, 0.99)(seconds)",
            STORAGE_DELAYS_TABLE,
            f"tenant_id = {bind.integer(tenant_id)} AND minute >= {first}",
        )
        events, percentiles = (await self._reader.rows(sql, bind)).rows[0]
        if not events:
            return None
        p50, p95, p99 = (round(float(seconds), 3) for seconds in percentiles)
        return StorageDelay(events=int(events), p50_s=p50, p95_s=p95, p99_s=p99)

    async def last_publication(self, tenant_id: int) -> LastPublication | None:
        """See the port."""
        bind = Bindings()
        columns = "run_id, toUnixTimestamp64Milli(as_of), toUnixTimestamp64Milli(at)"
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        sql = select(columns, "publications", tenant, "ORDER BY number DESC LIMIT 1")
        rows = (await self._reader.rows(sql, bind)).rows
        return LastPublication(*map(int, rows[0])) if rows else None

    async def is_computing(self, tenant_id: int) -> bool:
        """See the port. The database's clock decides."""
        async with reading(self._engine, tenant_id) as session:
            return bool(await session.scalar(_COMPUTING, {"tenant_id": tenant_id}))
