"""Reads the segments of users from ClickHouse: those whose last published change is an entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import xxhash

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.parameters import cut_instant, select

_TIMEOUT_S: Final = 2.0
_OF_USERS: Final = "tenant_id = {tenant:UInt64} AND user_key IN {keys:Array(UInt64)}"
_RUNS: Final = select("run_id", "membership_changes", _OF_USERS)
_UP_TO_NUMBER: Final = "tenant_id = {tenant:UInt64} AND number <= {number:UInt64}"
_PUBLISHED: Final = f"{_UP_TO_NUMBER} AND run_id IN ({_RUNS})"
_BY_THEN: Final = " AND as_of <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')"
# The last change decides. Rows written twice, or by an attempt that was not published, have no effect.
_LAST_ENTERED: Final = "GROUP BY user_key, segment_id HAVING argMax(change, run_id) > 0 ORDER BY user_key, segment_id"


def _segments_sql(published: str) -> str:
    changes = f"{_OF_USERS} AND (run_id, fence) IN ({select('run_id, fence', 'publications', published)})"
    return _in_one_row(select("user_key, segment_id", "membership_changes", changes, _LAST_ENTERED))


def _in_one_row(sql: str) -> str:
    """Return a statement with the rows of this one, of two columns, in one row.

    A result without rows has no bytes, like the answer of a server that stops in the middle: nobody could tell a user in no
    segment from a lookup that failed.
    """
    return select("groupArray(tuple(*))", f"({sql})")


_NOW: Final = _segments_sql(_PUBLISHED)
_THEN: Final = _segments_sql(_PUBLISHED + _BY_THEN)


class ClickHouseMembershipReader:
    """See the port `MembershipReader`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        """See the port."""
        values = {f"t{i}": tenant_id for i, tenant_id in enumerate(tenant_ids)}
        listed = ", ".join(f"{{{name}:UInt64}}" for name in values)
        sql = select("tenant_id, max(number)", "publications", f"tenant_id IN ({listed})", "GROUP BY tenant_id")
        rows = await self._rows(_in_one_row(sql), values)
        return {int(tenant_id): int(number) for tenant_id, number in rows}

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        """See the port."""
        # The same as xxHash64 in ClickHouse.
        keys = {user_id: xxhash.xxh64_intdigest(user_id.encode()) for user_id in user_ids}
        values: dict[str, object] = {"tenant": tenant_id, "keys": list(keys.values()), "number": number}
        if as_of_ms is not None:
            values["as_of"] = cut_instant(as_of_ms)
        rows = await self._rows(_NOW if as_of_ms is None else _THEN, values)
        segments: defaultdict[int, list[int]] = defaultdict(list)
        for user_key, segment_id in rows:
            segments[int(user_key)].append(int(segment_id))
        return {user_id: tuple(segments[key]) for user_id, key in keys.items()}

    async def instant_of(self, tenant_id: int, number: int, as_of_ms: int | None) -> int | None:
        """See the port."""
        values: dict[str, object] = {"tenant": tenant_id, "number": number}
        condition = _UP_TO_NUMBER
        if as_of_ms is not None:
            values["as_of"] = cut_instant(as_of_ms)
            condition += _BY_THEN
        newest = "count(), toUnixTimestamp64Milli(argMax(as_of, number))"
        result = await self._query(select(newest, "publications", condition), values)
        if not result.rows:
            raise EngineUnavailable("ClickHouse ended its answer before the first row")
        count, instant_ms = result.rows[0]
        return int(instant_ms) if count else None

    async def check(self) -> None:
        """See the port."""
        await self._query("SELECT 1", {})

    async def _rows(self, sql: str, values: Mapping[str, object]) -> Sequence[tuple[Any, Any]]:
        """Return the rows of a statement made by `_in_one_row`. Raises EngineUnavailable if the one row is missing."""
        result = await self._query(sql, values)
        if not result.rows:
            raise EngineUnavailable("ClickHouse ended its answer before the first row")
        rows: Sequence[tuple[Any, Any]] = result.rows[0][0]
        return rows

    async def _query(self, sql: str, values: Mapping[str, object]) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)
