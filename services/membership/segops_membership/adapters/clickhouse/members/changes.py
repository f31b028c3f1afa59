"""What publications changed, from the bitmaps of their runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_membership.adapters.clickhouse.run_results import ENTERED, EXITED, SOURCE
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.members.changes import ChangedUser
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.parameters import select

_TIMEOUT_S: Final = 10
_OF_ATTEMPT: Final = "tenant_id = {tenant:UInt64} AND run_id = {run:UInt64} AND fence = {fence:UInt64}"
_OF_SEGMENTS: Final = f"{_OF_ATTEMPT} AND segment_id IN {{segments:Array(UInt64)}}"
_BITMAPS: Final = select(f"arrayJoin([{ENTERED}, {EXITED}]) AS changed", SOURCE, _OF_SEGMENTS)
# Profiles are read in the order of their key, so a page ends as soon as it is full.
_USERS: Final = select(
    "user_key, user_id, n",
    "profiles FINAL",
    "tenant_id = {tenant:UInt64} AND user_key >= {first:UInt64}"
    f" AND bitmapContains(({select('groupBitmapMergeState(changed)', f'({_BITMAPS})')}), n)",
    "ORDER BY user_key LIMIT {limit:UInt64}",
)
_PAGE: Final = "bitmapBuild({numbers:Array(UInt32)})"
_OF_USERS: Final = select(
    f"segment_id, bitmapToArray(bitmapAnd({ENTERED}, {_PAGE})), bitmapToArray(bitmapAnd({EXITED}, {_PAGE}))",
    SOURCE,
    _OF_SEGMENTS,
)


class ClickHouseChangeHistory:
    """See the port `ChangeHistory`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def changed_segments(
        self, tenant_id: int, attempts: Collection[Attempt], segment_id: int | None = None
    ) -> Mapping[Attempt, Collection[int]]:
        """See the port."""
        values: dict[str, object] = {"tenant": tenant_id, "segment": segment_id or 0}
        for i, attempt in enumerate(attempts):
            values |= {f"r{i}": attempt.run_id, f"f{i}": attempt.fence}
        keys = ", ".join(f"({{r{i}:UInt64}}, {{f{i}:UInt64}})" for i in range(len(attempts)))
        of_segment = "" if segment_id is None else " AND segment_id = {segment:UInt64}"
        changed = f"bitmapCardinality({ENTERED}) + bitmapCardinality({EXITED}) > 0"
        condition = (
            f"tenant_id = {{tenant:UInt64}}{of_segment} AND (run_id, fence) IN ({keys}) AND published AND {changed}"
        )
        segments: defaultdict[Attempt, list[int]] = defaultdict(list)
        for run_id, fence, segment in await self._rows(select("run_id, fence, segment_id", SOURCE, condition), values):
            segments[Attempt(int(run_id), int(fence))].append(int(segment))
        return segments

    async def changed_users(
        self, tenant_id: int, attempt: Attempt, segment_ids: Collection[int], *, first_key: int, limit: int
    ) -> Sequence[ChangedUser]:
        """See the port."""
        values: dict[str, object] = {
            "tenant": tenant_id,
            "run": attempt.run_id,
            "fence": attempt.fence,
            "segments": sorted(segment_ids),
        }
        users = await self._rows(_USERS, {**values, "first": first_key, "limit": limit})
        if not users:
            return []
        numbers = [int(n) for _, _, n in users]
        changes: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)
        for segment_id, *lists in await self._rows(_OF_USERS, {**values, "numbers": numbers}):
            for entered, changed in zip((True, False), lists, strict=True):
                for n in changed:
                    changes[int(n)].append((int(segment_id), entered))
        return [ChangedUser(int(key), str(user_id), sorted(changes[int(n)])) for key, user_id, n in users]

    async def _rows(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement as one: a result without rows looks like an answer that was cut off."""
        result = await self._query(select("groupArray(tuple(*))", f"({sql})"), values)
        if not result.rows:
            raise EngineUnavailable("ClickHouse ended its answer before the first row")
        rows: Sequence[Sequence[Any]] = result.rows[0][0]
        return rows

    async def _query(self, sql: str, values: Mapping[str, object]) -> ResultSet:
        with driver_errors():
            return await self._clickhouse.query(sql, values, timeout_s=_TIMEOUT_S)
