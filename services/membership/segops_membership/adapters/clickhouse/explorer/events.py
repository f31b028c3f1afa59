"""Reads stored events from ClickHouse, the newest first.

The table is sorted by event type and user, so the newest events are matching in two statements: the first reads only times, and
finds how far back a page goes; the second reads the rows of that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.explorer.queries import EVENTS, EventsSource, Reader, of_ids
from segops_membership.adapters.clickhouse.stored_payload import payload_of
from segops_membership.domain.explorer.records import (
    EventFilter,
    EventPage,
    EventPosition,
    EventTypeSummary,
    StoredEvent,
)
from segops_membership.sql.parameters import Bindings, select

SEARCHED_EVENTS: Final = 20_000
"""How many events one statement searches for a text."""
HOUR_MS: Final = 3_600_000
HOURS: Final = 24
_IDENTITY: Final = "event_type, user_key, timestamp, message_id"
_KEY: Final = "xxHash64(concat(message_id, '\\0', event_type)) AS key"
_PLACE: Final = "toUnixTimestamp64Milli(timestamp), position, key, user_key"
_DESCENDING: Final = "timestamp DESC, position DESC, key DESC, user_key DESC"
_COLUMNS: Final = (
    f"{_PLACE}, event_type, message_id, user_id, anonymous_id, toUnixTimestamp64Milli(received_at),"
    " toUnixTimestamp64Milli(original_timestamp), text, removed, empty_objects"
)
_READ: Final = f"{_IDENTITY}, position, user_id, anonymous_id, received_at, original_timestamp, removed, empty_objects"


class ClickHouseStoredEvents:
    """See the port `StoredEvents`. A search for a text reads at most `searched` events in one call."""

    def __init__(self, *, clickhouse: ClickHouse, searched: int = SEARCHED_EVENTS) -> None:
        self._reader = Reader(clickhouse)
        self._searched = searched

    async def newest(self, tenant_id: int, events: EventFilter, before: EventPosition | None, limit: int) -> EventPage:
        """See the port."""
        source = EVENTS if events.user_id is None else await self._reader.events_of_profiles()
        where = _Where(tenant_id, events, before)
        start_ms = await self._start_of(source, where, self._searched if events.text else limit)
        matching = await self._between(source, where, start_ms, limit + 1)
        if len(matching) > limit:
            return EventPage(tuple(matching[:limit]), matching[limit - 1].at)
        return EventPage(tuple(matching), None if start_ms is None else EventPosition.before_all_at(start_ms))

    async def event_types(self, tenant_id: int, now_ms: int, limit: int) -> Sequence[EventTypeSummary]:
        """See the port."""
        bind = Bindings()
        first_hour = now_ms // HOUR_MS - HOURS + 1
        hours = f"intDiv(toUnixTimestamp64Milli(timestamp), {HOUR_MS}) - {bind.integer(first_hour)}"
        recent = f"timestamp >= {bind.instant(first_hour * HOUR_MS)} AND timestamp < {bind.instant((first_hour + HOURS) * HOUR_MS)}"
        times = "toUnixTimestamp64Milli(min(timestamp)), toUnixTimestamp64Milli(max(timestamp))"
        by_hour = f"sumMapIf([{hours}], [toUInt64(1)], {recent})"
        tail = f"GROUP BY event_type ORDER BY count() DESC, event_type LIMIT {bind.integer(limit)}"
        tenant = f"tenant_id = {bind.integer(tenant_id)}"
        sql = select(f"event_type, count(), {times}, {by_hour}", EVENTS_TABLE, tenant, tail)
        return [_summary(row) for row in (await self._reader.rows(sql, bind)).rows]

    async def _start_of(self, source: EventsSource, where: _Where, reach: int) -> int | None:
        """Return the time of the event that is that many places further back; None when there are not so many."""
        bind = Bindings()
        conditions = where.rows(bind)
        if where.before is not None:
            # Events at the very millisecond of `before` are read in any case, so they do not count.
            conditions.append(f"timestamp < {bind.instant(where.before.timestamp_ms)}")
        tail = f"ORDER BY timestamp DESC LIMIT 1 OFFSET {bind.integer(reach)}"
        sql = select("toUnixTimestamp64Milli(timestamp)", source.table, " AND ".join(conditions), tail)
        rows = (await self._reader.rows(sql, bind)).rows
        return int(rows[0][0]) if rows else None

    async def _between(
        self, source: EventsSource, where: _Where, start_ms: int | None, limit: int
    ) -> Sequence[StoredEvent]:
        bind = Bindings()
        conditions = where.rows(bind)
        if start_ms is not None:
            conditions.append(f"timestamp >= {bind.instant(start_ms)}")
        if where.before is not None:
            conditions.append(f"timestamp <= {bind.instant(where.before.timestamp_ms)}")
        # The greatest version is the event that was accepted first.
        merged = select(
            f"{_READ}, {_KEY}, {source.text} AS text",
            source.table,
            " AND ".join(conditions),
            f"ORDER BY version DESC LIMIT 1 BY {_IDENTITY}",
        )
        tail = f"ORDER BY {_DESCENDING} LIMIT {bind.integer(limit)}"
        sql = select(_COLUMNS, f"({merged})", " AND ".join(where.merged(bind)), tail)
        return [_stored(row) for row in (await self._reader.rows(sql, bind)).rows]


@dataclass(frozen=True, slots=True)
class _Where:
    """The conditions on events: on all rows, and on those that are left of repetitions."""

    tenant_id: int
    events: EventFilter
    before: EventPosition | None

    def rows(self, bind: Bindings) -> list[str]:
        events = self.events
        conditions = [f"tenant_id = {bind.integer(self.tenant_id)}"]
        if events.event_type is not None:
            conditions.append(f"event_type = {bind.text(events.event_type)}")
        if events.user_id is not None:
            conditions.append(of_ids(self.tenant_id, events.ids or (events.user_id,), bind))
        if events.since_ms is not None:
            conditions.append(f"timestamp >= {bind.instant(events.since_ms)}")
        if events.until_ms is not None:
            conditions.append(f"timestamp < {bind.instant(events.until_ms)}")
        return conditions

    def merged(self, bind: Bindings) -> list[str]:
        conditions = []
        if self.before is not None:
            conditions.append(f"({_PLACE}) < {_place(self.before, bind)}")
        if self.events.text:
            conditions.append(f"positionCaseInsensitiveUTF8(text, {bind.text(self.events.text)}) > 0")
        return conditions


def _place(at: EventPosition, bind: Bindings) -> str:
    return f"({', '.join(map(bind.integer, (at.timestamp_ms, at.position, at.key, at.user_key)))})"


def _stored(row: Sequence[Any]) -> StoredEvent:
    at, position, key, user_key, event_type, message_id, user_id, anonymous_id, received, original, *payload = row
    return StoredEvent(
        at=EventPosition(int(at), int(position), int(key), int(user_key)),
        event_type=str(event_type),
        message_id=str(message_id),
        user_id=str(user_id),
        anonymous_id=str(anonymous_id),
        received_ms=int(received),
        original_ms=None if original is None else int(original),
        payload=payload_of(event_type, *payload),
    )


def _summary(row: Sequence[Any]) -> EventTypeSummary:
    event_type, count, first, last, (hours, counts) = row
    by_hour = dict(zip(map(int, hours), map(int, counts), strict=True))
    return EventTypeSummary(
        event_type=str(event_type),
        count=int(count),
        first_seen_ms=int(first),
        last_seen_ms=int(last),
        hours=tuple(by_hour.get(hour, 0) for hour in range(HOURS)),
    )
