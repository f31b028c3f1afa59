"""Reads stored events in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import orjson
import xxhash

from segops_language.events import Event
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.explorer.records import (
    EventFilter,
    EventPage,
    EventPosition,
    EventTypeSummary,
    StoredEvent,
)

_HOUR_MS: Final = 3_600_000
_HOURS: Final = 24


class MemoryStoredEvents:
    """See the port `StoredEvents`. A search for a text reads at most `searched` events in one call."""

    def __init__(self, *, warehouse: MemoryWarehouse, searched: int = 1_000) -> None:
        self._warehouse = warehouse
        self._searched = searched

    async def newest(self, tenant_id: int, events: EventFilter, before: EventPosition | None, limit: int) -> EventPage:
        """See the port."""
        stored = sorted(
            (_stored(event) for event in self._all(tenant_id) if _accepts(events, event)),
            key=lambda event: event.at,
            reverse=True,
        )
        rest = [event for event in stored if before is None or event.at < before]
        reach = self._searched if events.text else limit
        matching = [event for event in rest[:reach] if _contains(event, events.text)]
        if len(matching) > limit:
            return EventPage(tuple(matching[:limit]), matching[limit - 1].at)
        return EventPage(tuple(matching), rest[reach - 1].at if len(rest) > reach else None)

    async def event_types(self, tenant_id: int, now_ms: int, limit: int) -> Sequence[EventTypeSummary]:
        """See the port."""
        events = self._all(tenant_id)
        counts = Counter(event.event_type for event in events)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        return [_summary([event for event in events if event.event_type == name], now_ms) for name in names[:limit]]

    def _all(self, tenant_id: int) -> list[Event]:
        return [event for events in self._warehouse.tenant(tenant_id).events.values() for event in events.values()]


def _accepts(events: EventFilter, event: Event) -> bool:
    return (
        events.event_type in (None, event.event_type)
        and (events.user_id is None or event.profile_id in (events.ids or (events.user_id,)))
        and (events.since_ms is None or event.timestamp_ms >= events.since_ms)
        and (events.until_ms is None or event.timestamp_ms < events.until_ms)
    )


def _contains(event: StoredEvent, text: str) -> bool:
    return text.lower() in orjson.dumps(event.payload).decode().lower()


def _stored(event: Event) -> StoredEvent:
    key = xxhash.xxh64_intdigest(f"{event.message_id}\0{event.event_type}".encode())
    user_key = xxhash.xxh64_intdigest(event.profile_id.encode())
    return StoredEvent(
        at=EventPosition(event.timestamp_ms, event.position, key, user_key),
        event_type=event.event_type,
        message_id=event.message_id,
        user_id=event.profile_id,
        anonymous_id="",
        received_ms=event.timestamp_ms,
        original_ms=None,
        payload=event.payload,
    )


def _summary(events: Sequence[Event], now_ms: int) -> EventTypeSummary:
    first_hour = now_ms // _HOUR_MS - _HOURS + 1
    hours = Counter(event.timestamp_ms // _HOUR_MS - first_hour for event in events)
    return EventTypeSummary(
        event_type=events[0].event_type,
        count=len(events),
        first_seen_ms=min(event.timestamp_ms for event in events),
        last_seen_ms=max(event.timestamp_ms for event in events),
        hours=tuple(hours[hour] for hour in range(_HOURS)),
    )
