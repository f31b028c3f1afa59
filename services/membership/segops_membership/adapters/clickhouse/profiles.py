"""Numbers profiles in ClickHouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from segops_common.contracts.warehouse import IDENTITY_MERGES_TABLE, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import from_ms
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE, list_rows
from segops_membership.sql.parameters import Bindings, cut_instant, select

_TIMEOUT_S: Final = 900
_COLUMNS: Final = ("tenant_id", "user_key", "user_id", "first_seen", "n", "fence")
_NEVER_MS: Final = 2**60
"""Later than any instant of a run; bound as the last instant that ClickHouse can hold."""
_NEVER: Final = from_ms(cut_instant(_NEVER_MS))


class ClickHouseProfiles:
    """See the port `Profiles`. Numbers are assigned inside ClickHouse: no profile passes through the worker.

    On a cluster, each shard numbers its own profiles.
    """

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def count_pending(self, tenant_id: int, lists: Collection[StaticListPredicate] = ()) -> int:
        """See the port."""
        counts = [await _count_pending(shard, tenant_id, lists) for shard in self._clickhouse.shards]
        return sum(counts) + len(await self._unseen_persons(tenant_id, lists))

    async def assign_numbers(
        self, tenant_id: int, first: int, count: int, fence: int, lists: Collection[StaticListPredicate] = ()
    ) -> None:
        """See the port. A shard gets as many of the numbers as it has profiles without one now."""
        persons = (await self._unseen_persons(tenant_id, lists))[:count]
        if persons:
            rows = [(tenant_id, key, id, _NEVER, first + i, fence) for i, (key, id) in enumerate(persons)]
            with driver_errors():
                await self._clickhouse.insert("profiles", rows, _COLUMNS, timeout_s=_TIMEOUT_S)
            first, count = first + len(rows), count - len(rows)
        if not self._clickhouse.is_cluster:
            await _assign(self._clickhouse, tenant_id, first, count, fence, lists)
            return
        for shard in self._clickhouse.shards:
            own = min(count, await _count_pending(shard, tenant_id, lists))
            if own:
                await _assign(shard, tenant_id, first, own, fence, lists)
            first, count = first + own, count - own

    async def _unseen_persons(
        self, tenant_id: int, lists: Collection[StaticListPredicate]
    ) -> Sequence[tuple[int, str]]:
        """Return the key and the id of each user without a number whom others were merged into, and who has no event.

        Those with events, or in the lists, are pending as such.
        """
        bind = Bindings()
        of_tenant = f"tenant_id = {bind.integer(tenant_id)}"
        targets = select(
            "canonical_key AS user_key, any(canonical_id) AS id", IDENTITY_MERGES_TABLE, of_tenant, "GROUP BY user_key"
        )
        others = [select("user_key", "profiles", of_tenant), select("user_key", PROFILE_SEEN_TABLE, of_tenant)]
        if lists:
            listed = f"{list_rows(bind.integer(tenant_id), lists, bind)} AND present"
            others.append(select("user_key", STATIC_MEMBERS_TABLE, listed))
        merged_into = select("canonical_key", IDENTITY_MERGES_TABLE, of_tenant)
        unseen = " AND ".join(f"user_key NOT IN ({keys} AND user_key IN ({merged_into}))" for keys in others)
        sql = select("user_key, id", f"({targets})", unseen, "ORDER BY user_key")
        with driver_errors():
            result = await self._clickhouse.query(sql, bind.values, timeout_s=_TIMEOUT_S)
        return [(int(key), str(id)) for key, id in result.rows]

    async def user_ids(self, tenant_id: int, numbers: Collection[int]) -> Mapping[int, str]:
        """See the port."""
        bind = Bindings()
        tenant = bind.integer(tenant_id)
        listed = ", ".join(bind.integer(number) for number in numbers)
        named = select("n, user_id", "profiles FINAL", f"tenant_id = {tenant} AND n IN ({listed})")
        with driver_errors():
            result = await self._clickhouse.query(named, bind.values)
        return {int(n): str(user_id) for n, user_id in result.rows}


async def _count_pending(clickhouse: ClickHouse, tenant_id: int, lists: Collection[StaticListPredicate]) -> int:
    bind = Bindings()
    counted = select("uniqExact(user_key)", f"({_without_number('user_key', tenant_id, lists, bind)})")
    with driver_errors():
        result = await clickhouse.query(counted, bind.values, timeout_s=_TIMEOUT_S)
    return int(result.rows[0][0])


async def _assign(
    clickhouse: ClickHouse, tenant_id: int, first: int, count: int, fence: int, lists: Collection[StaticListPredicate]
) -> None:
    bind = Bindings()
    columns = "tenant_id, user_key, any(user_id) AS user_id, min(first_seen) AS first_seen"
    tail = f"GROUP BY tenant_id, user_key ORDER BY user_key LIMIT {bind.integer(count)}"
    without = _without_number("tenant_id, user_key, user_id, first_seen", tenant_id, lists, bind)
    new = select(columns, f"({without})", "", tail)
    number = f"toUInt32({bind.integer(first)} + row_number() OVER (ORDER BY user_key) - 1)"
    numbered = select(f"tenant_id, user_key, user_id, first_seen, {number}, {bind.integer(fence)}", f"({new})")
    target = "profiles (tenant_id, user_key, user_id, first_seen, n, fence)"
    with driver_errors():
        await clickhouse.command(f"INSERT INTO {target} {numbered}", bind.values, timeout_s=_TIMEOUT_S)


def _without_number(columns: str, tenant_id: int, lists: Collection[StaticListPredicate], bind: Bindings) -> str:
    """Select profiles with events and users of the lists that have no number; some of them twice.

    Users without events have `first_seen` in the far future.
    """
    # An anti-join compares whole blocks; with `NOT IN` the statement takes four times as long.
    tenant = bind.integer(tenant_id)
    profiles = select(columns, PROFILE_SEEN_TABLE, f"tenant_id = {tenant}")
    if lists:
        listed = columns.replace("first_seen", f"{bind.instant(_NEVER_MS)} AS first_seen")
        profiles += (
            f" UNION ALL {select(listed, STATIC_MEMBERS_TABLE, f'{list_rows(tenant, lists, bind)} AND present')}"
        )
    numbered = select("user_key", "profiles", f"tenant_id = {tenant}")
    return select(columns, f"({profiles}) AS seen LEFT ANTI JOIN ({numbered}) AS numbered USING (user_key)")
