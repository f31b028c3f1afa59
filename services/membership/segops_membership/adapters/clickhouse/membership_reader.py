"""What readers see, from ClickHouse: the last published change of each of a user's segments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_membership.adapters.clickhouse.driver_errors import outages
from segops_membership.sql.parameters import cut_instant, select

_TIMEOUT_S: Final = 2.0
_OF_USER: Final = "tenant_id = {tenant:UInt64} AND user_key = xxHash64({user:String})"
_RUNS: Final = select("run_id", "membership_changes", _OF_USER)
_PUBLISHED: Final = f"tenant_id = {{tenant:UInt64}} AND number <= {{number:UInt64}} AND run_id IN ({_RUNS})"
_BY_THEN: Final = " AND as_of <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')"
# The last change decides, whatever else is stored: a row written twice, or by an attempt that came to nothing, is harmless.
_LAST_ENTERED: Final = "GROUP BY segment_id HAVING argMax(change, run_id) > 0 ORDER BY segment_id"


def _fold(published: str) -> str:
    counted = f"{_OF_USER} AND (run_id, fence) IN ({select('run_id, fence', 'publications', published)})"
    return select("segment_id", "membership_changes", counted, _LAST_ENTERED)


_NOW: Final = _fold(_PUBLISHED)
_THEN: Final = _fold(_PUBLISHED + _BY_THEN)


class ClickHouseReader:
    """See the port `MembershipReader`. A number that was read before says which publications a statement counts."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        """See the port."""
        values = {f"t{i}": tenant_id for i, tenant_id in enumerate(tenant_ids)}
        listed = ", ".join(f"{{{name}:UInt64}}" for name in values)
        sql = select("tenant_id, max(number)", "publications", f"tenant_id IN ({listed})", "GROUP BY tenant_id")
        found = await self._query(sql, values)
        return {int(tenant_id): int(number) for tenant_id, number in found.rows}

    async def segments_of(self, tenant_id: int, user_id: str, number: int, as_of_ms: int | None) -> tuple[int, ...]:
        """See the port."""
        values: dict[str, int | str] = {"tenant": tenant_id, "user": user_id, "number": number}
        if as_of_ms is not None:
            values["as_of"] = cut_instant(as_of_ms)
        found = await self._query(_NOW if as_of_ms is None else _THEN, values)
        return tuple(int(row[0]) for row in found.rows)

    async def check(self) -> None:
        """Raises Outage when ClickHouse does not answer."""
        await self._query("SELECT 1", {})

    async def _query(self, sql: str, values: Mapping[str, int | str]) -> ResultSet:
        with outages():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)
