"""Finds users in ClickHouse: by their ids in `profile_seen`, by their traits and events in `events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language.events import IDENTIFY_EVENT
from segops_language.values import path_keys
from segops_membership.adapters.clickhouse.explorer.queries import MERGED_SETTINGS, Reader, of_ids
from segops_membership.adapters.clickhouse.stored_payload import payload_of
from segops_membership.domain.explorer.records import (
    EventTypeCount,
    Trait,
    UserEvents,
    UserPosition,
    UserSearch,
    UserSummary,
)
from segops_membership.domain.identity.joins import Person
from segops_membership.sql.filters import condition_sql
from segops_membership.sql.joined import EVENT_ID_OF_PERSON
from segops_membership.sql.json_paths import trait_present
from segops_membership.sql.parameters import Bindings, select
from segops_membership.sql.selections import order_key

MAX_ANONYMOUS_IDS: Final = 20
_MS: Final = "toUnixTimestamp64Milli({})"


class ClickHouseUserDirectory:
    """See the port `UserDirectory`."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._reader = Reader(clickhouse)

    async def search(
        self, tenant_id: int, search: UserSearch, after: UserPosition | None, limit: int, offset: int = 0
    ) -> Sequence[UserSummary]:
        """See the port. Reads the events of the listed users only."""
        bind = Bindings()
        place = "" if after is None else f"(rank, id) > ({bind.integer(after.rank)}, {bind.text(after.user_id)})"
        tail = f"ORDER BY rank, id LIMIT {bind.integer(limit)} OFFSET {bind.integer(offset)}"
        statement = select("*", f"({_found(tenant_id, search, bind)})", place, tail)
        result = await self._reader.rows(statement, bind, MERGED_SETTINGS)
        users = {int(key): (UserPosition(int(rank), str(id)), int(first)) for key, id, rank, first in result.rows}
        counts = await self._counts(tenant_id, list(users)) if users else {}
        return [
            UserSummary(position=position, event_count=counts[key][0], first_seen_ms=first, last_seen_ms=counts[key][1])
            for key, (position, first) in users.items()
            if key in counts
        ]

    async def count(self, tenant_id: int, search: UserSearch, most: int) -> int | None:
        """See the port."""
        bind = Bindings()
        statement = f"{_found(tenant_id, search, bind)} LIMIT {bind.integer(most + 1)}"
        result = await self._reader.rows(select("count()", f"({statement})"), bind, MERGED_SETTINGS)
        count = int(result.rows[0][0])
        return count if count <= most else None

    async def events_of(self, tenant_id: int, person: Person) -> UserEvents | None:
        """See the port."""
        bind = Bindings()
        times = f"{_MS.format('min(timestamp)')}, {_MS.format('max(timestamp)')}"
        anonymous = f"groupUniqArrayIf({MAX_ANONYMOUS_IDS})(anonymous_id, anonymous_id != '')"
        columns = f"event_type, count(), {times}, countIf(user_id != ''), {anonymous}"
        tail = "GROUP BY event_type ORDER BY count() DESC, event_type"
        source = await self._reader.events_of_profiles()
        sql = select(columns, f"{source.table} FINAL", of_ids(tenant_id, person.ids, bind), tail)
        rows = (await self._reader.rows(sql, bind, MERGED_SETTINGS)).rows
        if not rows:
            return None
        return UserEvents(
            event_types=tuple(
                EventTypeCount(event_type=str(name), count=int(count), first_seen_ms=int(first), last_seen_ms=int(last))
                for name, count, first, last, _, _ in rows
            ),
            user_id=person.person_id if any(with_user for *_, with_user, _ in rows) else None,
            anonymous_ids=tuple(sorted({str(id) for *_, ids in rows for id in ids})[:MAX_ANONYMOUS_IDS]),
        )

    async def traits_of(self, tenant_id: int, person: Person) -> Sequence[Trait]:
        """See the port. ClickHouse finds the event that decides each trait, so other identify events are not sent."""
        bind = Bindings(event_id=EVENT_ID_OF_PERSON)
        where = f"{of_ids(tenant_id, person.ids, bind)} AND event_type = {bind.text(IDENTIFY_EVENT)}"
        empty = "arrayMap(path -> replaceAll(splitByChar('.', path)[1], '%2E', '.'), empty_objects)"
        keys = f"arrayDistinct(arrayConcat(JSONExtractKeys(text), removed, {empty}))"
        source = await self._reader.events_of_profiles()
        columns = (
            f"timestamp, position, message_id, user_id, anonymous_id, {source.text} AS text, removed, empty_objects"
        )
        texts = select(columns, f"{source.table} FINAL", where)
        event = f"({_MS.format('timestamp')}, message_id, text, removed, empty_objects)"
        deciding = f"arrayJoin({keys}) AS key, argMax({event}, {order_key(bind, of_one_type=True)})"
        sql = select(deciding, f"({texts})", tail="GROUP BY key ORDER BY key")
        traits = []
        for name, (at, message_id, text, removed, empty_objects) in (
            await self._reader.rows(sql, bind, MERGED_SETTINGS)
        ).rows:
            value = payload_of(IDENTIFY_EVENT, text, removed, empty_objects).get(name)
            if value is not None:
                traits.append(Trait(name=str(name), value=value, set_at_ms=int(at), message_id=str(message_id)))
        return traits

    async def memberships_of(self, tenant_id: int, user_id: str) -> Mapping[int, int]:
        """See the port. Rows of attempts that were not published have no effect."""
        bind = Bindings()
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        own = f"{tenant} AND user_key = xxHash64({bind.text(user_id)})"
        runs = select("run_id", "membership_changes", own)
        published = select("run_id, fence, as_of", "publications", f"{tenant} AND run_id IN ({runs})")
        source = f"({select('segment_id, run_id, fence, change', 'membership_changes', own)}) AS changes"
        joined = f"{source} INNER JOIN ({published}) AS published USING (run_id, fence)"
        columns = f"segment_id, {_MS.format('argMax(as_of, run_id)')}"
        sql = select(columns, joined, tail="GROUP BY segment_id HAVING argMax(change, run_id) > 0 ORDER BY segment_id")
        return {int(segment_id): int(since) for segment_id, since in (await self._reader.rows(sql, bind)).rows}

    async def _counts(self, tenant_id: int, keys: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        """Return the number of events and the time of the last one, by user key."""
        bind = Bindings()
        listed = ", ".join(bind.integer(key) for key in keys)
        # Repetitions are counted once, without the cost of FINAL.
        count = "uniqExact(event_type, timestamp, message_id)"
        columns = f"user_key, {count}, {_MS.format('max(timestamp)')}"
        where = f"tenant_id = {bind.integer(tenant_id)} AND user_key IN ({listed})"
        source = await self._reader.events_of_profiles()
        result = await self._reader.rows(select(columns, source.table, where, "GROUP BY user_key"), bind)
        return {int(key): (int(events), int(last)) for key, events, last in result.rows}


def _found(tenant_id: int, search: UserSearch, bind: Bindings) -> str:
    """Return a statement of the users that a search finds: key, id, rank and first event."""
    where = [f"tenant_id = {bind.integer(tenant_id)}"]
    rank = "0"
    if search.text:
        place = f"positionCaseInsensitiveUTF8(user_id, {bind.text(search.text)})"
        where.append(f"{place} > 0")
        rank = f"toUInt8(positionCaseInsensitiveUTF8(id, {bind.text(search.text)}) != 1)"
    if search.trait:
        where.append(f"user_key IN ({_with_trait(tenant_id, search, bind)})")
    profiles = select(
        f"user_key, any(user_id) AS id, {_MS.format('min(first_seen)')} AS first",
        PROFILE_SEEN_TABLE,
        " AND ".join(where),
        "GROUP BY user_key",
    )
    return select(f"user_key, id, {rank} AS rank, first", f"({profiles})")


def _with_trait(tenant_id: int, search: UserSearch, bind: Bindings) -> str:
    """Return a statement of the keys of users whose present trait has the value."""
    keys = path_keys(search.trait)
    passes = condition_sql(keys, search.test, bind)
    present = f"argMaxIf({passes}, {order_key(bind, of_one_type=True)}, {trait_present(keys[0], bind)}) = 1"
    where = f"tenant_id = {bind.integer(tenant_id)} AND event_type = {bind.text(IDENTIFY_EVENT)}"
    return select("user_key", f"{EVENTS_TABLE} FINAL", where, f"GROUP BY user_key HAVING {present}")
