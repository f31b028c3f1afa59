"""Evaluates definitions in plain Python, written from docs/segment-language.md and not from the compiler.

SQL is tested against it, and explanations use it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from segops_language.conditions.base import Condition
from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_language.filters import AnyFilter
from segops_language.groups import Group
from segops_language.reference.checks import passes
from segops_language.registry import kind_of
from segops_language.values import Duration, EventPattern, parse_instant, path_keys
from segops_language.values.instants import to_ms
from segops_language.values.json import look_up
from segops_language.walk import segments_in
from segops_language.windows import AnyWindow, LastWindow

NO_REFERENCES: Final[Mapping[int, Group]] = MappingProxyType({})
NO_USERS: Final[Mapping[int, frozenset[str]]] = MappingProxyType({})
NO_PERSONS: Final[Mapping[str, str]] = MappingProxyType({})


def evaluate(
    definition: Group,
    events: Iterable[Event],
    as_of_ms: int,
    *,
    segment_id: int,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, frozenset[str]] = NO_USERS,
    persons: Mapping[str, str] = NO_PERSONS,
) -> frozenset[str]:
    """Return the members of a segment's definition as of an instant.

    `events` must be in the order in which they were accepted: of several deliveries of one event, the first counts.
    `references` are the segments that the definition leads to; those that are static have a list of users in `lists`
    instead of a definition. `persons` has the profile that each joined id belongs to at the instant.
    """
    lists = {segment_id: frozenset(persons.get(id, id) for id in users) for segment_id, users in lists.items()}
    profiles: dict[str, dict[object, Event]] = {}
    for event in events:
        if event.timestamp_ms <= as_of_ms:
            of_person = profiles.setdefault(persons.get(event.profile_id, event.profile_id), {})
            of_person.setdefault((event.profile_id, event.identity), event)
    for user_id in listed(definition, references, lists):
        profiles.setdefault(user_id, {})
    return frozenset(
        profile_id
        for profile_id, by_identity in profiles.items()
        if EvaluatedProfile(profile_id, by_identity.values(), as_of_ms, segment_id, references, lists).is_in(definition)
    )


def listed(definition: Group, references: Mapping[int, Group], lists: Mapping[int, frozenset[str]]) -> frozenset[str]:
    """Return the users of the static segments that a definition leads to; they belong to its universe without events."""
    users: frozenset[str] = frozenset()
    visited: set[int] = set()
    pending = [segment_id for _, segment_id in segments_in(definition)]
    while pending:
        segment_id = pending.pop()
        if segment_id in lists:
            users |= lists[segment_id]
        elif segment_id not in visited:
            visited.add(segment_id)
            pending += [inner for _, inner in segments_in(references[segment_id])]
    return users


@dataclass(frozen=True, slots=True)
class EvaluatedProfile:
    """One profile as of an instant; implements `ProfileView`."""

    profile_id: str
    events: Collection[Event]
    as_of_ms: int
    segment_id: int
    references: Mapping[int, Group]
    lists: Mapping[int, frozenset[str]] = field(default_factory=dict)
    has_events: bool = False
    """True if the profile has events, even if no event of the types that were read."""

    def is_in(self, node: Group | Condition) -> bool:
        """Return whether the node, its negation included, is true for the profile."""
        if not isinstance(node, Group):
            return kind_of(node).holds(node, self) != node.negate
        verdicts = [self.is_in(part) for part in node.conditions]
        return (all(verdicts) if node.logic == "AND" else any(verdicts)) != node.negate

    def is_member(self, segment_id: int) -> bool:
        """See `ProfileView`; false for a segment whose universe does not contain the profile."""
        if segment_id in self.lists:
            return self.profile_id in self.lists[segment_id]
        definition = self.references[segment_id]
        return self.is_known_to(definition) and replace(self, segment_id=segment_id).is_in(definition)

    def is_known_to(self, definition: Group) -> bool:
        """Return whether the profile is in the universe of a definition."""
        if self.has_events or self.events:
            return True
        return self.profile_id in listed(definition, self.references, self.lists)

    def matching(self, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None = None) -> list[Event]:
        """See `ProfileView`."""
        pattern = EventPattern.parse(event_type)
        checks = tuple(where)
        return [
            event
            for event in self.events
            if pattern.matches(event.event_type)
            and self._in_window(event, window)
            and all(passes(check, event.payload, self.as_of_ms) for check in checks)
        ]

    def passes(self, check: AnyFilter, properties: dict[str, JsonValue]) -> bool:
        """See `ProfileView`."""
        return passes(check, properties, self.as_of_ms)

    def trait_history(self, path: str) -> Iterator[tuple[int, JsonValue]]:
        """See `ProfileView`."""
        keys = path_keys(path)
        for event in sorted(self.events, key=in_order):
            if event.event_type == IDENTIFY_EVENT and keys[0] in event.payload:
                yield event.timestamp_ms, look_up(event.payload, keys)

    def traits(self) -> dict[str, JsonValue]:
        """See `ProfileView`."""
        traits: dict[str, JsonValue] = {}
        for event in sorted(self.events, key=in_order):
            if event.event_type == IDENTIFY_EVENT:
                traits.update(event.payload)
        return traits

    def _in_window(self, event: Event, window: AnyWindow | None) -> bool:
        start: float = -math.inf
        end: float = self.as_of_ms
        if isinstance(window, LastWindow):
            start = self.as_of_ms - window.last.milliseconds
        elif window is not None:
            start = self._bound(window.from_, start)
            end = min(end, self._bound(window.to, end))
        return start < event.timestamp_ms <= end

    def _bound(self, point: object, absent: float) -> float:
        if point is None:
            return absent
        return self.as_of_ms - point.milliseconds if isinstance(point, Duration) else to_ms(parse_instant(point))
