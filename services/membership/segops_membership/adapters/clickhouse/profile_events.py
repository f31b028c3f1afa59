"""Reads the events of one profile from ClickHouse, along the sort key of the table that has them in its order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from segops_common.contracts.warehouse import (
    EVENTS_BY_PROFILE_TABLE,
    EVENTS_TABLE,
    HISTORY_COMPLETE_SQL,
    PROFILE_SEEN_TABLE,
)
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError, ResultSet
from segops_language.events import Event
from segops_language.walk import Needs
from segops_membership.adapters.clickhouse.stored_payload import payload_of
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.events import MAX_EVENTS, AcceptedEvent, TooManyEvents
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE, list_rows
from segops_membership.sql.parameters import Bindings, select
from segops_membership.sql.selections import JSON_READ_SETTINGS, pattern_sql

_MAX_BYTES: Final = 128 * 1024 * 1024
_TIMEOUT_S: Final = 5
# 396 is the result's size, 241 memory.
_TOO_MUCH: Final = frozenset({241, 396})
_READ_SETTINGS: Final[dict[str, str | int | float]] = {
    **JSON_READ_SETTINGS,
    "max_result_bytes": _MAX_BYTES,
    "max_execution_time": _TIMEOUT_S,
}
# Of repetitions of an event, the one that was accepted first. For one profile this is cheaper than FINAL.
_FIRST_ACCEPTED: Final = "ORDER BY version DESC LIMIT 1 BY user_key, timestamp, message_id, event_type"
_PROFILE_ID: Final = "if(user_id = '', anonymous_id, user_id)"


class ClickHouseProfileEvents:
    """See the port `ProfileEvents`. Reads `events` until all older events have been copied to `events_by_profile`."""

    def __init__(self, *, clickhouse: ClickHouse, max_events: int = MAX_EVENTS) -> None:
        self._clickhouse = clickhouse
        self._max_events = max_events
        self._is_history_complete = False

    async def has_events(self, tenant_id: int, profile_ids: Collection[str], as_of_ms: int) -> bool:
        """See the port."""
        bind = Bindings()
        of_profile = _of_profile(tenant_id, profile_ids, bind)
        tail = f"HAVING min(first_seen) <= {bind.instant(as_of_ms)}"
        sql = select("count()", PROFILE_SEEN_TABLE, f"{of_profile} AND user_id IN {_texts(profile_ids, bind)}", tail)
        result = await self._query(sql, bind.values)
        return bool(result.rows) and int(result.rows[0][0]) > 0

    async def count_known(self, tenant_id: int, profile_ids: Collection[str]) -> int:
        """See the port."""
        if not profile_ids:
            return 0
        bind = Bindings()
        ids = ", ".join(bind.text(profile_id) for profile_id in sorted(set(profile_ids)))
        keys = f"arrayMap(id -> xxHash64(id), [{ids}])"
        rows = f"tenant_id = {bind.integer(tenant_id)} AND user_key IN {keys} AND user_id IN [{ids}]"
        result = await self._query(select("uniqExact(user_id)", PROFILE_SEEN_TABLE, rows), bind.values)
        return int(result.rows[0][0])

    async def read(
        self, tenant_id: int, profile_ids: Collection[str], needs: Needs, as_of_ms: int
    ) -> Sequence[AcceptedEvent]:
        """See the port."""
        if not needs.patterns:
            return ()
        bind = Bindings()
        table, text = await self._source()
        own = f"{_PROFILE_ID} IN {_texts(profile_ids, bind)}"
        by_then = f"timestamp <= {bind.instant(as_of_ms)}"
        where = f"{_of_profile(tenant_id, profile_ids, bind)} AND ({_types(needs, bind)}) AND {by_then} AND {own}"
        payload = f"{text}, removed, empty_objects" if needs.payloads else "'{}', [], []"
        columns = (
            f"{_PROFILE_ID}, event_type, message_id, toUnixTimestamp64Milli(timestamp), {payload}, position, version"
        )
        tail = f"{_FIRST_ACCEPTED} LIMIT {bind.integer(self._max_events + 1)}"
        result = await self._query(select(columns, table, where, tail), bind.values)
        if len(result.rows) > self._max_events:
            raise TooManyEvents
        return [_accepted(*row) for row in result.rows]

    async def _source(self) -> tuple[str, str]:
        """Return the table to read, and the expression that gives the payload as text."""
        if not self._is_history_complete:
            results = [await self._query(HISTORY_COMPLETE_SQL, {}, shard) for shard in self._clickhouse.shards]
            self._is_history_complete = all(int(result.rows[0][0]) > 0 for result in results)
        if self._is_history_complete:
            return EVENTS_BY_PROFILE_TABLE, "payload"
        return EVENTS_TABLE, "toJSONString(payload)"

    async def static_segments_of(
        self, tenant_id: int, profile_ids: Collection[str], lists: Collection[StaticListPredicate]
    ) -> Collection[int]:
        """See the port."""
        if not lists:
            return ()
        bind = Bindings()
        rows = f"{list_rows(bind.integer(tenant_id), lists, bind)} AND user_key IN {_keys(profile_ids, bind)}"
        last_present = "GROUP BY segment_id, user_key HAVING argMax(present, list_version)"
        result = await self._query(select("segment_id", STATIC_MEMBERS_TABLE, rows, last_present), bind.values)
        return {int(row[0]) for row in result.rows}

    async def _query(self, sql: str, values: Mapping[str, object], on: ClickHouse | None = None) -> ResultSet:
        try:
            return await (on or self._clickhouse).query(sql, values, settings=_READ_SETTINGS, timeout_s=_TIMEOUT_S + 1)
        except ClickHouseError as error:
            if error.code in _TOO_MUCH:
                raise TooManyEvents from error
            raise EngineUnavailable(str(error)) from error


def _accepted(
    profile_id: str,
    event_type: str,
    message_id: str,
    at_ms: int,
    text: str,
    removed: Sequence[str],
    empty_objects: Sequence[str],
    position: int,
    version: int,
) -> AcceptedEvent:
    payload = payload_of(event_type, text, removed, empty_objects)
    return AcceptedEvent(Event(profile_id, event_type, message_id, int(at_ms), payload, int(position)), int(version))


def _of_profile(tenant_id: int, profile_ids: Collection[str], bind: Bindings) -> str:
    return f"tenant_id = {bind.integer(tenant_id)} AND user_key IN {_keys(profile_ids, bind)}"


def _texts(profile_ids: Collection[str], bind: Bindings) -> str:
    return f"({', '.join(bind.text(id) for id in sorted(profile_ids))})"


def _keys(profile_ids: Collection[str], bind: Bindings) -> str:
    return f"({', '.join(f'xxHash64({bind.text(id)})' for id in sorted(profile_ids))})"


def _types(needs: Needs, bind: Bindings) -> str:
    """Select event types. An exact type is one point of the sort key, a prefix is a range of it."""
    named = sorted(pattern.text for pattern in needs.patterns if pattern.exact)
    prefixes = sorted((pattern for pattern in needs.patterns if not pattern.exact), key=lambda pattern: pattern.text)
    conditions = [f"event_type IN ({', '.join(bind.text(name) for name in named)})"] if named else []
    conditions += [f"({pattern_sql(prefix, bind)})" for prefix in prefixes]
    return " OR ".join(conditions)
