"""Lists stored events, event types and their properties."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.event_properties import PropertySummary, properties_in
from segops_membership.domain.explorer.records import EventFilter, EventPosition, EventTypeSummary, StoredEvent
from segops_membership.ports.explorer.events import StoredEvents
from segops_membership.service.explorer.reading import reads_mapped
from segops_membership.service.identity.persons import Persons

SAMPLE_EVENTS: Final = 2_000
MAX_EVENT_TYPES: Final = 1_000
_MAX_KEY: Final = 2**64 - 1
_MAX_POSITION: Final = 65_535
_MAX_MS: Final = 2**53


@dataclass(frozen=True, slots=True)
class PropertySample:
    """The properties of an event type in its newest events, and the number of these."""

    events: int
    properties: Sequence[PropertySummary]


class ExploreEvents:
    """The use cases of the routes about events."""

    def __init__(self, *, events: StoredEvents, persons: Persons, clock: Clock) -> None:
        self._events = events
        self._persons = persons
        self._clock = clock

    async def newest(self, tenant_id: int, events: EventFilter, *, limit: int, cursor: str | None) -> Page[StoredEvent]:
        """Return a page of events, the newest first. A user has the events of all ids that are joined now.

        Raises MalformedRequest (invalid-cursor), ValidationFailed (too-many-ids) or Unavailable.
        A search for a text may end a page early, even empty; `next_cursor` then goes on.
        """
        before = _position(cursor)
        with reads_mapped():
            if events.user_id is not None:
                person = await self._persons.person(tenant_id, events.user_id, to_ms(self._clock.now()))
                events = replace(events, ids=person.ids)
            page = await self._events.newest(tenant_id, events, before, limit)
        return Page(page.events, None if page.before is None else _cursor(page.before))

    async def event_types(self, tenant_id: int) -> Sequence[EventTypeSummary]:
        """Return at most MAX_EVENT_TYPES event types, the most frequent first. Raises Unavailable."""
        now_ms = to_ms(self._clock.now())
        with reads_mapped():
            return await self._events.event_types(tenant_id, now_ms, MAX_EVENT_TYPES)

    async def properties(self, tenant_id: int, event_type: str) -> PropertySample:
        """Return the properties in the newest SAMPLE_EVENTS events of a type. Raises Unavailable."""
        with reads_mapped():
            page = await self._events.newest(tenant_id, EventFilter(event_type=event_type), None, SAMPLE_EVENTS)
        payloads = [event.payload for event in page.events]
        return PropertySample(len(payloads), await asyncio.to_thread(properties_in, payloads))


def _cursor(at: EventPosition) -> str:
    return encode_cursor([at.timestamp_ms, at.position, at.key, at.user_key])


def _position(cursor: str | None) -> EventPosition | None:
    if cursor is None:
        return None
    at = EventPosition(*map(int, decode_cursor(cursor, int, int, int, int)))
    is_key = all(0 <= key <= _MAX_KEY for key in (at.key, at.user_key))
    if abs(at.timestamp_ms) > _MAX_MS or not 0 <= at.position <= _MAX_POSITION or not is_key:
        raise invalid_cursor()
    return at
