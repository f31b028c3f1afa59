"""Counts events and members in ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_common.contracts.warehouse import EVENTS_BY_PROFILE_TABLE, EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.explorer.queries import Reader
from segops_membership.adapters.clickhouse.explorer.segments import outcomes_of
from segops_membership.domain.explorer.analytics import DAY_MS
from segops_membership.domain.publication import SegmentHead
from segops_membership.sql.parameters import Bindings, select

_DAY: Final = "intDiv(toUnixTimestamp64Milli({}), 86400000)"


class ClickHouseAnalytics:
    """See the port `AnalyticsReader`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._reader = Reader(clickhouse)

    async def distinct_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> int:
        """See the port."""
        if not heads:
            return 0
        bind = Bindings()
        sql = select("groupBitmapMerge(members)", "segment_runs", outcomes_of(tenant_id, heads, bind))
        return int((await self._reader.rows(sql, bind)).rows[0][0])

    async def sizes_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, Mapping[int, int]]:
        """See the port."""
        bind = Bindings()
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        day = f"greatest({_DAY.format('as_of')}, {bind.integer(first_day)} - 1)"
        outcomes = select("segment_id, run_id, fence, as_of, size", "segment_runs", f"{tenant} AND published")
        visible = select("run_id, fence", "publications", tenant)
        sql = select(
            f"segment_id, {day} AS day, argMax(size, run_id)",
            f"({outcomes})",
            f"(run_id, fence) IN ({visible})",
            "GROUP BY segment_id, day",
        )
        sizes: dict[int, dict[int, int]] = {}
        for segment_id, at, size in (await self._reader.rows(sql, bind)).rows:
            sizes.setdefault(int(segment_id), {})[int(at)] = int(size)
        return sizes

    async def events_since(self, tenant_id: int, since_ms: int) -> int:
        """See the port."""
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND timestamp >= {bind.instant(since_ms)}"
        return int((await self._reader.rows(select("count()", EVENTS_TABLE, where), bind)).rows[0][0])

    async def received_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, int]:
        """See the port."""
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND received_at >= {bind.instant(first_day * DAY_MS)}"
        sql = select(f"{_DAY.format('received_at')} AS day, count()", EVENTS_TABLE, where, "GROUP BY day")
        return {int(day): int(count) for day, count in (await self._reader.rows(sql, bind)).rows}

    async def stored(self, tenant_id: int) -> tuple[int, int]:
        """See the port."""
        bind = Bindings()
        own = select("count()", EVENTS_TABLE, f"tenant_id = {bind.integer(tenant_id)}")
        tables = ", ".join(map(bind.text, (EVENTS_TABLE, EVENTS_BY_PROFILE_TABLE)))
        where = f"database = currentDatabase() AND name IN ({tables})"
        bytes_of_rows = f"sum(if(total_rows > 0, total_bytes / total_rows, 0)) * ({own})"
        sql = select(f"({own}), toUInt64(ifNull({bytes_of_rows}, 0))", "system.tables", where)
        rows = [(await shard.rows(sql, bind)).rows[0] for shard in self._reader.shards]
        return sum(int(count) for count, _ in rows), sum(int(stored_bytes) for _, stored_bytes in rows)
