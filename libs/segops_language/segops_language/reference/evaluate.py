"""The language in plain Python, written from its text and not from the compiler: what SQL is tested against, and explained by."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final, assert_never

import xxhash
from pydantic import JsonValue

from segops_language.conditions import (
    AnyCondition,
    EventAggregate,
    EventCondition,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
    Sample,
    SegmentMembership,
)
from segops_language.conditions.trait import AnyTrait, HeldFor, TraitCondition
from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_language.filters import AnyFilter
from segops_language.groups import Group
from segops_language.instants import to_ms
from segops_language.json_values import count_each, look_up
from segops_language.reference.checks import passes, reaches
from segops_language.reference.order import has_chain, kept_since
from segops_language.reference.values import aggregate, satisfies
from segops_language.values import Duration, EventPattern, parse_instant, path_keys
from segops_language.walk import segments_in
from segops_language.windows import AnyWindow, LastWindow

NO_REFERENCES: Final[Mapping[int, Group]] = MappingProxyType({})
NO_USERS: Final[Mapping[int, frozenset[str]]] = MappingProxyType({})


def evaluate(
    definition: Group,
    events: Iterable[Event],
    as_of_ms: int,
    *,
    segment_id: int,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, frozenset[str]] = NO_USERS,
) -> frozenset[str]:
    """The members of a segment's definition as of an instant; `references` are the segments it leads to.

    Those of them that are static have `lists` of users, and their definitions say nothing.
    """
    profiles: dict[str, dict[str, Event]] = {}
    for event in events:
        if event.timestamp_ms <= as_of_ms:
            profiles.setdefault(event.profile_id, {})[event.message_id] = event
    for user_id in listed(definition, references, lists):
        profiles.setdefault(user_id, {})
    return frozenset(
        profile_id
        for profile_id, known in profiles.items()
        if Profile(profile_id, known.values(), as_of_ms, segment_id, references, lists).is_in(definition)
    )


def listed(definition: Group, references: Mapping[int, Group], lists: Mapping[int, frozenset[str]]) -> frozenset[str]:
    """The users of the static segments that a definition leads to: of its universe, events or not."""
    found: frozenset[str] = frozenset()
    seen: set[int] = set()
    waiting = [segment_id for _, segment_id in segments_in(definition)]
    while waiting:
        segment_id = waiting.pop()
        if segment_id in lists:
            found |= lists[segment_id]
        elif segment_id not in seen:
            seen.add(segment_id)
            waiting += [inner for _, inner in segments_in(references[segment_id])]
    return found


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is known of one profile as of an instant."""

    profile_id: str
    events: Collection[Event]
    as_of_ms: int
    segment_id: int
    references: Mapping[int, Group]
    lists: Mapping[int, frozenset[str]] = field(default_factory=dict)
    seen: bool = False
    """Whether there are events beside those that are given, of types that are not asked for."""

    def is_in(self, node: Group | AnyCondition) -> bool:
        """Whether the node, its negation included, holds for the profile."""
        return self._holds(node) != node.negate

    def _holds(self, node: Group | AnyCondition) -> bool:
        match node:
            case Group():
                verdicts = [self.is_in(part) for part in node.conditions]
                return all(verdicts) if node.logic == "AND" else any(verdicts)
            case TraitCondition():
                return self._trait(node)
            case Sample():
                return self._sample(node)
            case SegmentMembership():
                return self._segment(node.segment_id)
            case _:
                return self._did(node)

    def _segment(self, segment_id: int) -> bool:
        """Nobody is a member of a segment whose universe they are not in."""
        if segment_id in self.lists:
            return self.profile_id in self.lists[segment_id]
        definition = self.references[segment_id]
        if not (self.events or self.seen) and self.profile_id not in listed(definition, self.references, self.lists):
            return False
        return replace(self, segment_id=segment_id).is_in(definition)

    def _did(self, condition: EventCondition) -> bool:
        match condition:
            case EventCount():
                return self._event_count(condition)
            case EventTime():
                return self._event_time(condition)
            case EventMatch():
                return self._event_match(condition)
            case EventRegularity():
                return self._event_regularity(condition)
            case EventAggregate():
                found = self.matching(condition.event_type, condition.where, condition.window)
                measured = aggregate(condition.function, values_of(found, condition.property))
                return satisfies(measured, condition.operator, condition.value)
            case EventSequence():
                return self._event_sequence(condition)
            case _:
                assert_never(condition)

    def _event_count(self, condition: EventCount) -> bool:
        found = self.matching(condition.event_type, condition.where, condition.window)
        if condition.per is None:
            return reaches(len(found), condition.operator, condition.value)
        counts = count_each(values_of(found, condition.per)).values()
        return any(reaches(count, condition.operator, condition.value) for count in counts)

    def _event_time(self, condition: EventTime) -> bool:
        times = [event.timestamp_ms for event in self.matching(condition.event_type, condition.where, None)]
        if not times:
            return condition.operator == "not_within_last"
        time = min(times) if condition.occurrence == "first" else max(times)
        if isinstance(condition.value, Duration):
            is_recent = self.as_of_ms - condition.value.milliseconds < time <= self.as_of_ms
            return is_recent == (condition.operator == "within_last")
        limit = to_ms(condition.value)
        return time < limit if condition.operator == "before" else time > limit

    def _event_match(self, condition: EventMatch) -> bool:
        candidates = sorted(self.matching(condition.event_type, condition.where, None), key=in_order)
        chosen = candidates[:1] if condition.occurrence == "first" else candidates[-1:]
        return any(all(passes(check, event.payload, self.as_of_ms) for check in condition.has) for event in chosen)

    def _event_regularity(self, condition: EventRegularity) -> bool:
        return sum(count >= condition.count for count in self.per_period(condition)) >= condition.at_least

    def per_period(self, condition: EventRegularity) -> list[int]:
        """How many matching events each of the last periods has, the latest first."""
        times = [event.timestamp_ms for event in self.matching(condition.event_type, condition.where, None)]
        period = condition.period.milliseconds
        ends = [self.as_of_ms - i * period for i in range(condition.of)]
        return [sum(end - period < time <= end for time in times) for end in ends]

    def _event_sequence(self, condition: EventSequence) -> bool:
        found = [self.matching(step.event_type, step.where, condition.window) for step in condition.steps]
        times = [{event.timestamp_ms for event in of_step} for of_step in found]
        return has_chain(times, condition.within.milliseconds)

    def _sample(self, condition: Sample) -> bool:
        return self.draw(condition) < Fraction(str(condition.percent)) * 10_000

    def draw(self, condition: Sample) -> int:
        """The profile's place among a million."""
        seed = str(self.segment_id) if condition.seed is None else condition.seed
        return xxhash.xxh64_intdigest(f"{seed}:{self.profile_id}".encode(), seed=0) % 1_000_000

    def matching(self, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None) -> list[Event]:
        """The events of a type in a window that pass every filter, in no order."""
        pattern = EventPattern.parse(event_type)
        checks = tuple(where)
        return [
            event
            for event in self.events
            if pattern.matches(event.event_type)
            and self._in_window(event, window)
            and all(passes(check, event.payload, self.as_of_ms) for check in checks)
        ]

    def _trait(self, condition: AnyTrait) -> bool:
        if not passes(condition, self.traits(), self.as_of_ms):
            return False
        return condition.held_for is None or self._has_held(condition.property, condition.held_for)

    def _has_held(self, path: str, held_for: HeldFor) -> bool:
        since_ms = kept_since(self.history(path))
        if since_ms is None:
            return False
        is_long = self.as_of_ms - since_ms >= held_for.duration.milliseconds
        return is_long == (held_for.operator == "gte")

    def history(self, path: str) -> Iterator[tuple[int, JsonValue]]:
        """What a path of the traits led to, each time that its first key was set or removed, oldest first."""
        keys = path_keys(path)
        for event in sorted(self.events, key=in_order):
            if event.event_type == IDENTIFY_EVENT and keys[0] in event.payload:
                yield event.timestamp_ms, look_up(event.payload, keys)

    def traits(self) -> dict[str, JsonValue]:
        """The latest value of each key; null where it was removed."""
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


def values_of(events: Iterable[Event], path: str) -> list[JsonValue]:
    """What a path leads to in each event; None when nothing is there."""
    return [look_up(event.payload, path_keys(path)) for event in events]
