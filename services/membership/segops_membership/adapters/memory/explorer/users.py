"""Finds users in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_language.values import path_keys
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.explorer.records import (
    EventTypeCount,
    Trait,
    UserEvents,
    UserPosition,
    UserSearch,
    UserSummary,
)
from segops_membership.domain.identity.joins import Person
from segops_membership.domain.property_values import passes, value_at


class MemoryUserDirectory:
    """See the port `UserDirectory`."""

    def __init__(self, *, warehouse: MemoryWarehouse, results: MemoryRunResults) -> None:
        self._warehouse = warehouse
        self._results = results

    async def search(
        self, tenant_id: int, search: UserSearch, after: UserPosition | None, limit: int, offset: int = 0
    ) -> Sequence[UserSummary]:
        """See the port."""
        places = sorted(place for place in self._found(tenant_id, search) if after is None or place > after)
        return [self._summary(tenant_id, place) for place in places[offset : offset + limit]]

    async def count(self, tenant_id: int, search: UserSearch, most: int) -> int | None:
        """See the port."""
        count = sum(1 for _ in self._found(tenant_id, search))
        return count if count <= most else None

    async def events_of(self, tenant_id: int, person: Person) -> UserEvents | None:
        """See the port. Every id is a user id."""
        by_type: defaultdict[str, list[int]] = defaultdict(list)
        for event in self._events(tenant_id, *person.ids):
            by_type[event.event_type].append(event.timestamp_ms)
        if not by_type:
            return None
        counts = [
            EventTypeCount(event_type=name, count=len(times), first_seen_ms=min(times), last_seen_ms=max(times))
            for name, times in by_type.items()
        ]
        ordered = sorted(counts, key=lambda item: (-item.count, item.event_type))
        return UserEvents(event_types=tuple(ordered), user_id=person.person_id, anonymous_ids=())

    async def traits_of(self, tenant_id: int, person: Person) -> Sequence[Trait]:
        """See the port."""
        deciding = _deciding(self._events(tenant_id, *person.ids))
        return [
            Trait(name=name, value=value, set_at_ms=event.timestamp_ms, message_id=event.message_id)
            for name, event in sorted(deciding.items())
            if (value := event.payload[name]) is not None
        ]

    async def memberships_of(self, tenant_id: int, user_id: str) -> Mapping[int, int]:
        """See the port."""
        last: dict[int, tuple[int, bool, int]] = {}
        for (tenant, user, segment_id, attempt), entered in self._results.change_rows.items():
            publication = self._results.visible.get((tenant_id, attempt))
            if (tenant, user) == (tenant_id, user_id) and publication is not None:
                change = (attempt.run_id, entered, publication.as_of_ms)
                last[segment_id] = max(change, last.get(segment_id, change))
        return {segment_id: since for segment_id, (_, entered, since) in sorted(last.items()) if entered}

    def _events(self, tenant_id: int, *ids: str) -> Iterable[Event]:
        events = self._warehouse.tenant(tenant_id).events
        return [event for id in ids for event in events.get(id, {}).values()]

    def _found(self, tenant_id: int, search: UserSearch) -> Iterator[UserPosition]:
        text = search.text.lower()
        for user_id in self._warehouse.tenant(tenant_id).events:
            if text in user_id.lower() and self._has_trait(tenant_id, user_id, search):
                yield UserPosition(0 if user_id.lower().startswith(text) else 1, user_id)

    def _has_trait(self, tenant_id: int, user_id: str, search: UserSearch) -> bool:
        if not search.trait:
            return True
        keys = path_keys(search.trait)
        event = _deciding(self._events(tenant_id, user_id)).get(keys[0])
        return event is not None and passes(value_at(event.payload, keys), search.test)

    def _summary(self, tenant_id: int, position: UserPosition) -> UserSummary:
        times = [event.timestamp_ms for event in self._events(tenant_id, position.user_id)]
        return UserSummary(position=position, event_count=len(times), first_seen_ms=min(times), last_seen_ms=max(times))


def _deciding(events: Iterable[Event]) -> Mapping[str, Event]:
    """Return, by trait, the last identify event that sets or removes it."""
    identified = sorted((event for event in events if event.event_type == IDENTIFY_EVENT), key=in_order)
    return {name: event for event in identified for name in event.payload}
