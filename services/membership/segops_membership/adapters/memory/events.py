"""Reading events from a memory warehouse."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from segops_common.contracts.http import ObservedEvents, PropertyKind
from segops_language.lint.values import MAX_TEXT_CHARS, MAX_TEXTS, Property, ValueCounts
from segops_language.values import path_keys
from segops_language.values.instants import is_rfc3339
from segops_language.values.json import instant, look_up, number
from segops_language.walk import Needs
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.identity.joins import Claim, IdentityFacts
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.ports.events import MAX_EVENTS, AcceptedEvent, TooManyEvents, UnstoredTail, UnstoredUnavailable

MAX_EVENT_TYPES: Final = 1_000
STORED_VERSION: Final = 2**63
"""Of a memory warehouse, which keeps the first delivery of an event: it was accepted before every unstored one."""


class MemoryProfileEvents:
    """See the port `ProfileEvents`."""

    def __init__(self, *, warehouse: MemoryWarehouse, max_events: int = MAX_EVENTS) -> None:
        self._warehouse = warehouse
        self._max_events = max_events

    async def has_events(self, tenant_id: int, profile_ids: Collection[str], as_of_ms: int) -> bool:
        """See the port."""
        rows = self._warehouse.tenant(tenant_id)
        instants = [rows.first_seen_ms(profile_id) for profile_id in profile_ids]
        return any(first_seen_ms is not None and first_seen_ms <= as_of_ms for first_seen_ms in instants)

    async def count_known(self, tenant_id: int, profile_ids: Collection[str]) -> int:
        """See the port."""
        events = self._warehouse.tenant(tenant_id).events
        return sum(1 for profile_id in set(profile_ids) if events.get(profile_id))

    async def read(
        self, tenant_id: int, profile_ids: Collection[str], needs: Needs, as_of_ms: int
    ) -> Sequence[AcceptedEvent]:
        """See the port."""
        stored = self._warehouse.tenant(tenant_id).events
        events = [
            AcceptedEvent(event if needs.payloads else replace(event, payload={}), STORED_VERSION)
            for profile_id in profile_ids
            for event in stored.get(profile_id, {}).values()
            if event.timestamp_ms <= as_of_ms and any(pattern.matches(event.event_type) for pattern in needs.patterns)
        ]
        if len(events) > self._max_events:
            raise TooManyEvents
        return events

    async def static_segments_of(
        self, tenant_id: int, profile_ids: Collection[str], lists: Collection[StaticListPredicate]
    ) -> Collection[int]:
        """See the port."""
        rows = self._warehouse.tenant(tenant_id)
        return [
            segment.segment_id
            for segment in lists
            if not rows.list_members(segment.segment_id, segment.since, segment.until).isdisjoint(profile_ids)
        ]


class MemoryUnstoredEvents:
    """See the port `UnstoredEvents`. Set `refusal` to the reason of an outage."""

    def __init__(self) -> None:
        self.events: defaultdict[int, list[AcceptedEvent]] = defaultdict(list)
        """By tenant."""
        self.claims: defaultdict[int, list[Claim]] = defaultdict(list)
        """Of these events, by tenant."""
        self.refusal: str | None = None

    async def read(self, tenant_id: int, profile_id: str) -> Sequence[AcceptedEvent]:
        """See the port."""
        if self.refusal is not None:
            raise UnstoredUnavailable(self.refusal)
        return [accepted for accepted in self.events[tenant_id] if accepted.event.profile_id == profile_id]

    async def read_all(self, tenant_id: int) -> UnstoredTail:
        """See the port."""
        if self.refusal is not None:
            raise UnstoredUnavailable(self.refusal)
        claims = tuple(self.claims[tenant_id])
        latest_first = sorted(claims, key=lambda claim: -claim.timestamp_ms)
        known_since = {claim.user_id: claim.timestamp_ms for claim in latest_first}

        def events_of(profile_ids: Collection[str]) -> Sequence[AcceptedEvent]:
            return [accepted for accepted in self.events[tenant_id] if accepted.event.profile_id in profile_ids]

        return UnstoredTail(events_of, IdentityFacts(claims, known_since))


class MemoryObservedEvents:
    """See the port `ObservedEventsReader`. Event types come in descending order of their number of events."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse

    async def read(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents:
        """See the port."""
        events = [event for events in self._warehouse.tenant(tenant_id).events.values() for event in events.values()]
        counts = Counter(event.event_type for event in events)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        kinds: defaultdict[str, defaultdict[str, set[PropertyKind]]] = defaultdict(lambda: defaultdict(set))
        for event in events:
            if event.event_type in event_types:
                for path, kind in _kinds(event.payload, ()):
                    kinds[event.event_type][path].add(kind)
        return ObservedEvents(
            event_types=tuple(names[:MAX_EVENT_TYPES]),
            complete=len(names) <= MAX_EVENT_TYPES,
            properties={
                name: {path: tuple(sorted(of_path)) for path, of_path in sorted(of_type.items())}
                for name, of_type in kinds.items()
            },
        )

    async def count_values(self, tenant_id: int, properties: Collection[Property]) -> Mapping[Property, ValueCounts]:
        """See the port."""
        events = [event for events in self._warehouse.tenant(tenant_id).events.values() for event in events.values()]
        return {
            (event_type, path): _counts(
                look_up(event.payload, path_keys(path)) for event in events if event.event_type == event_type
            )
            for event_type, path in properties
        }


def _counts(values: Iterable[JsonValue]) -> ValueCounts:
    present = [value for value in values if value is not None]
    strings = [value for value in present if isinstance(value, str)]
    instants = [value for value in present if instant(value) is not None]
    texts = {value[:MAX_TEXT_CHARS] for value in strings}
    return ValueCounts(
        present=len(present),
        strings=len(strings),
        numbers=sum(isinstance(value, int | float) and not isinstance(value, bool) for value in present),
        numerals=sum(number(value) is not None for value in strings),
        instants=len(instants),
        short_instants=sum(isinstance(value, str) and not is_rfc3339(value) for value in instants),
        texts=tuple(sorted(texts)[:MAX_TEXTS]),
        has_all_texts=len(texts) <= MAX_TEXTS,
    )


def _kinds(value: JsonValue | Mapping[str, JsonValue], keys: tuple[str, ...]) -> Iterator[tuple[str, PropertyKind]]:
    """Yield the path and kind of every scalar and array; nulls have none."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _kinds(inner, (*keys, key.replace(".", "\\.")))
        case bool():
            yield ".".join(keys), "boolean"
        case str():
            yield ".".join(keys), "string"
        case int() | float():
            yield ".".join(keys), "number"
        case None:
            pass
        case list():
            yield ".".join(keys), "array"
