"""Deletes people from the tables of ClickHouse.

`ALTER TABLE … DELETE` rewrites the parts that have the rows, so that they are gone from the disk, and not only hidden, when the
statement returns. Of a part without such rows, files are linked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Final

import xxhash

from segops_common.contracts.warehouse import (
    DEAD_LETTERS_TABLE,
    EVENTS_BY_PROFILE_TABLE,
    EVENTS_TABLE,
    PROFILE_SEEN_TABLE,
)
from segops_common.core.faults import FaultPoints
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.privacy.ids import ids_page
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE
from segops_membership.sql.parameters import Bindings, select

MUTATION_TIMEOUT_S: Final = 3_600.0
MUTATION_SETTINGS: Final[dict[str, str | int | float]] = {
    # Returns when all parts of this server are rewritten.
    "mutations_sync": 1,
    "max_execution_time": int(MUTATION_TIMEOUT_S),
}
_LAST_KEY: Final = 2**64 - 1
_OF_LETTER: Final = (
    "xxHash64(if(JSONExtractString(line, 'user_id') = '', JSONExtractString(line, 'anonymous_id'),"
    " JSONExtractString(line, 'user_id'))) IN {keys}"
)
_BITMAPS: Final = ("members", "entered_members", "exited_members", "unreported_entered", "unreported_exited")
_SIZES: Final = {"size": "members", "entered": "entered_members", "exited": "exited_members"}
_KEYED: Final = "user_key IN {keys}"
_CLAIMED: Final = "(anonymous_key IN {keys} OR {other} IN {keys})"
_EVENTS: Final = {
    EVENTS_TABLE: _KEYED,
    EVENTS_BY_PROFILE_TABLE: _KEYED,
    PROFILE_SEEN_TABLE: _KEYED,
    STATIC_MEMBERS_TABLE: _KEYED,
    DEAD_LETTERS_TABLE: _OF_LETTER,
    "identity_claims": _CLAIMED.replace("{other}", "xxHash64(tupleElement(first_claim, 'user_id'))"),
    "identity_claims_by_user": _CLAIMED.replace("{other}", "user_key"),
    "identity_merges": "(user_key IN {keys} OR canonical_key IN {keys})",
}
"""The tables that later runs, replays and joins of ids read, and the condition on rows of people."""
_MEMBERS: Final = {"membership_changes": _KEYED, "profiles": _KEYED}
"""What names the members of published runs. `profiles` is last: it leads from people to their numbers."""


class ClickHousePersonStores:
    """See the port `PersonStores`. On a cluster, each shard deletes its own rows."""

    def __init__(self, *, clickhouse: ClickHouse, faults: FaultPoints) -> None:
        self._clickhouse = clickhouse
        self._faults = faults

    async def count(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, int]:
        """See the port. Rows of repeated events are counted as they are stored."""
        counts = {
            table: await self._count(table, tenant_id, user_ids, condition)
            for table, condition in {**_EVENTS, **_MEMBERS}.items()
        }
        counts["segment_runs"] = len(await self._rows_with(tenant_id, await self.numbers(tenant_id, user_ids)))
        return counts

    async def all_ids(self, tenant_id: int, page: int) -> AsyncIterator[Collection[str]]:
        """See the port. Pages follow the keys of ids, by which the large tables are ordered."""
        first: int | None = 0
        while first is not None:
            bind = Bindings()
            sql = ids_page(bind.integer(tenant_id), bind.integer(first), bind.integer(page))
            with driver_errors():
                result = await self._clickhouse.query(sql, bind.values, timeout_s=MUTATION_TIMEOUT_S)
            if not result.rows:
                raise EngineUnavailable("ClickHouse ended its answer before the first row")
            rows = result.rows[0][0]
            yield [str(id) for _, id in rows]
            is_last = len(rows) < page or int(rows[-1][0]) == _LAST_KEY
            first = None if is_last else int(rows[-1][0]) + 1

    async def delete_events(self, tenant_id: int, user_ids: Collection[str]) -> None:
        """See the port."""
        for table, condition in _EVENTS.items():
            await self._delete(table, tenant_id, user_ids, condition)

    async def numbers(self, tenant_id: int, user_ids: Collection[str]) -> Collection[int]:
        """See the port. Without FINAL: a profile that was numbered twice has two numbers."""
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_on(_KEYED, user_ids, bind)}"
        with driver_errors():
            result = await self._clickhouse.query(select("DISTINCT n", "profiles", where), bind.values)
        return sorted(int(n) for (n,) in result.rows)

    async def segments_of(self, tenant_id: int, user_ids: Collection[str]) -> Mapping[str, Collection[int]]:
        """See the port. Changes of attempts that were not published count, too."""
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_on(_KEYED, user_ids, bind)}"
        sql = select("user_key, groupUniqArray(segment_id)", "membership_changes", where, "GROUP BY user_key")
        names = {xxhash.xxh64_intdigest(user_id.encode()): user_id for user_id in user_ids}
        with driver_errors():
            result = await self._clickhouse.query(sql, bind.values, timeout_s=MUTATION_TIMEOUT_S)
        return {names[int(key)]: [int(id) for id in segments] for key, segments in result.rows}

    async def attempts_with(self, tenant_id: int, numbers: Collection[int]) -> Collection[tuple[int, Attempt]]:
        """See the port."""
        return await self._rows_with(tenant_id, numbers, of="members")

    async def delete_members(self, tenant_id: int, user_ids: Collection[str], numbers: Collection[int]) -> None:
        """See the port."""
        if numbers:
            await self._remove_from_bitmaps(tenant_id, numbers)
            self._faults.reach("after_erased_bitmaps")
        for table, condition in _MEMBERS.items():
            await self._delete(table, tenant_id, user_ids, condition)

    async def _count(self, table: str, tenant_id: int, user_ids: Collection[str], condition: str) -> int:
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_on(condition, user_ids, bind)}"
        with driver_errors():
            result = await self._clickhouse.query(
                select("count()", table, where), bind.values, timeout_s=MUTATION_TIMEOUT_S
            )
        return int(result.rows[0][0])

    async def _delete(self, table: str, tenant_id: int, user_ids: Collection[str], condition: str) -> None:
        if not await self._count(table, tenant_id, user_ids, condition):
            return
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_on(condition, user_ids, bind)}"
        await self._mutate(f"ALTER TABLE {table} DELETE WHERE {where}", bind)
        self._faults.reach("after_erased_table")

    async def _rows_with(
        self, tenant_id: int, numbers: Collection[int], of: str | None = None
    ) -> Collection[tuple[int, Attempt]]:
        if not numbers:
            return ()
        bind = Bindings()
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_has_any([of] if of else _BITMAPS, numbers, bind)}"
        with driver_errors():
            result = await self._clickhouse.query(
                select("segment_id, run_id, fence", "segment_runs FINAL", where),
                bind.values,
                timeout_s=MUTATION_TIMEOUT_S,
            )
        return [(int(segment), Attempt(int(run), int(fence))) for segment, run, fence in result.rows]

    async def _remove_from_bitmaps(self, tenant_id: int, numbers: Collection[int]) -> None:
        bind = Bindings()
        erased = _bitmap(numbers, bind)
        changes = [f"{size} = {size} - bitmapAndCardinality({column}, {erased})" for size, column in _SIZES.items()]
        changes += [f"{column} = bitmapAndnot({column}, {erased})" for column in _BITMAPS]
        where = f"tenant_id = {bind.integer(tenant_id)} AND {_has_any(_BITMAPS, numbers, bind)}"
        await self._mutate(f"ALTER TABLE segment_runs UPDATE {', '.join(changes)} WHERE {where}", bind)

    async def _mutate(self, statement: str, bind: Bindings) -> None:
        with driver_errors():
            for shard in self._clickhouse.shards:
                await shard.command(
                    statement, bind.values, settings=MUTATION_SETTINGS, timeout_s=MUTATION_TIMEOUT_S + 10
                )


def _on(condition: str, user_ids: Collection[str], bind: Bindings) -> str:
    """Return the condition with a placeholder for the keys of the people.

    Keys, not ids: ClickHouse keeps the text of a mutation.
    """
    return condition.replace("{keys}", bind.keys(user_ids))


def _bitmap(numbers: Collection[int], bind: Bindings) -> str:
    return f"bitmapBuild({bind.profile_numbers(numbers)})"


def _has_any(columns: Collection[str], numbers: Collection[int], bind: Bindings) -> str:
    erased = _bitmap(numbers, bind)
    return f"({' OR '.join(f'bitmapHasAny({column}, {erased})' for column in columns)})"
