"""The language in plain Python, written from its text and not from the compiler: the oracle that SQL is tested against.

Patterns are matched by `re` with ASCII classes, so an oracle's patterns keep to what RE2 and `re` agree on.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, assert_never

import xxhash
from pydantic import JsonValue
from pydantic_core import PydanticCustomError

from segops_common.contracts.definition.conditions import (
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
from segops_common.contracts.definition.filters import AnyFilter
from segops_common.contracts.definition.groups import Group
from segops_common.contracts.definition.traits import AnyTrait, TraitCondition
from segops_common.contracts.definition.values import Duration, EventPattern, parse_instant, path_keys
from segops_common.contracts.definition.windows import AnyWindow, LastWindow
from segops_membership.domain.compiler import NotSupported
from segops_membership.domain.instants import to_ms

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_END: Final = re.compile(r"(\\.|\[[^\]]*\])|\$", re.DOTALL)
"""A `$` outside of classes: RE2's is the end of the text, where `re` would also stop before a last line feed."""
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_FIRST_MILLISECONDS: Final = 100_000_000_000
"""Epoch numbers from here on count milliseconds, smaller ones seconds."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_POSITIVE: Final[Mapping[str, str]] = {
    "neq": "eq",
    "not_in": "in",
    "not_contains": "contains",
    "not_matches": "matches",
    "not_exists": "exists",
    "not_within_last": "within_last",
}


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was sent; of `$identify`, the payload is the traits, nulls included."""

    profile_id: str
    event_type: str
    message_id: str
    timestamp_ms: int
    payload: dict[str, JsonValue]


def evaluate(definition: Group, events: Iterable[Event], as_of_ms: int, *, segment_id: int) -> frozenset[str]:
    """The members of a segment's definition as of an instant. Raises NotSupported as the compiler does."""
    profiles: dict[str, dict[str, Event]] = {}
    for event in events:
        if event.timestamp_ms <= as_of_ms:
            profiles.setdefault(event.profile_id, {})[event.message_id] = event
    return frozenset(
        profile_id
        for profile_id, known in profiles.items()
        if _Profile(profile_id, known.values(), as_of_ms, segment_id).is_in(definition)
    )


@dataclass(frozen=True, slots=True)
class _Profile:
    """All that is known of one profile as of an instant."""

    profile_id: str
    events: Collection[Event]
    as_of_ms: int
    segment_id: int

    def is_in(self, node: Group | AnyCondition) -> bool:
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
                raise NotSupported(node.type)
            case _:
                return self._did(node)

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
            case EventAggregate() | EventSequence():
                raise NotSupported(condition.type)
            case _:
                assert_never(condition)

    def _event_count(self, condition: EventCount) -> bool:
        if condition.per is not None:
            raise NotSupported("event_count with per")
        count = len(self._matching(condition.event_type, condition.where, condition.window))
        if isinstance(condition.value, tuple):
            return condition.value[0] <= count <= condition.value[1]
        return _COMPARE[condition.operator](count, condition.value)

    def _event_time(self, condition: EventTime) -> bool:
        times = [event.timestamp_ms for event in self._matching(condition.event_type, condition.where, None)]
        if not times:
            return condition.operator == "not_within_last"
        time = min(times) if condition.occurrence == "first" else max(times)
        if isinstance(condition.value, Duration):
            is_recent = self.as_of_ms - condition.value.milliseconds < time <= self.as_of_ms
            return is_recent == (condition.operator == "within_last")
        limit = to_ms(condition.value)
        return time < limit if condition.operator == "before" else time > limit

    def _event_match(self, condition: EventMatch) -> bool:
        candidates = self._matching(condition.event_type, condition.where, None)
        candidates.sort(key=lambda event: (event.timestamp_ms, event.message_id.encode()))
        chosen = candidates[:1] if condition.occurrence == "first" else candidates[-1:]
        return any(all(self._passes(check, event.payload) for check in condition.has) for event in chosen)

    def _event_regularity(self, condition: EventRegularity) -> bool:
        times = [event.timestamp_ms for event in self._matching(condition.event_type, condition.where, None)]
        period = condition.period.milliseconds
        regular = 0
        for i in range(condition.of):
            start, end = self.as_of_ms - (i + 1) * period, self.as_of_ms - i * period
            regular += sum(start < time <= end for time in times) >= condition.count
        return regular >= condition.at_least

    def _sample(self, condition: Sample) -> bool:
        seed = str(self.segment_id) if condition.seed is None else condition.seed
        hashed = xxhash.xxh64_intdigest(f"{seed}:{self.profile_id}".encode(), seed=0)
        return hashed % 1_000_000 < Fraction(str(condition.percent)) * 10_000

    def _matching(self, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None) -> list[Event]:
        pattern = EventPattern.parse(event_type)
        checks = tuple(where)
        return [
            event
            for event in self.events
            if pattern.matches(event.event_type)
            and self._in_window(event, window)
            and all(self._passes(check, event.payload) for check in checks)
        ]

    def _trait(self, condition: AnyTrait) -> bool:
        if condition.held_for is not None:
            raise NotSupported("user_property with held_for")
        traits: dict[str, JsonValue] = {}
        for event in sorted(self.events, key=lambda event: (event.timestamp_ms, event.message_id.encode())):
            if event.event_type == "$identify":
                traits.update(event.payload)
        return self._passes(condition, traits)

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

    def _passes(self, check: AnyFilter, properties: dict[str, JsonValue]) -> bool:
        value = _look_up(properties, path_keys(check.property))
        positive = _POSITIVE.get(check.operator)
        if positive is not None:
            return not self._satisfies(positive, value, getattr(check, "value", None))
        return self._satisfies(check.operator, value, getattr(check, "value", None))

    def _satisfies(self, name: str, value: JsonValue, wanted: object) -> bool:
        match name:
            case "exists":
                return value is not None
            case "eq":
                return _equal(value, wanted)
            case "in" | "contains":
                return _is_among(value, wanted) if name == "in" else _contains(value, wanted)
            case "gt" | "gte" | "lt" | "lte" | "between":
                return _compares(name, value, wanted)
            case "before" | "after" | "within_last":
                return self._is_timely(name, value, wanted)
            case _:
                return isinstance(value, str) and isinstance(wanted, str) and _text_test(name, value, wanted)

    def _is_timely(self, name: str, value: JsonValue, wanted: object) -> bool:
        instant = _instant(value)
        if instant is None:
            return False
        if isinstance(wanted, Duration):
            return self.as_of_ms - wanted.milliseconds < instant <= self.as_of_ms
        limit = to_ms(parse_instant(wanted))
        return instant < limit if name == "before" else instant > limit


def _look_up(value: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and _DIGITS.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _equal(value: object, wanted: object) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return float(value) == float(wanted)
    return isinstance(value, str) and value == wanted


def _is_among(value: JsonValue, wanted: object) -> bool:
    return isinstance(wanted, tuple) and any(_equal(value, each) for each in wanted)


def _contains(value: JsonValue, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(_equal(element, wanted) for element in value)


def _compares(name: str, value: JsonValue, wanted: object) -> bool:
    number = _number(value)
    if number is None:
        return False
    if isinstance(wanted, tuple):
        return float(wanted[0]) <= number <= float(wanted[1])
    return isinstance(wanted, int | float) and _COMPARE[name](number, float(wanted))


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _JSON_NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) else None


def _text_test(name: str, value: str, wanted: str) -> bool:
    match name:
        case "starts_with":
            return value.startswith(wanted)
        case "ends_with":
            return value.endswith(wanted)
        case "matches":
            return re.search(_END.sub(lambda found: found[1] or r"\Z", wanted), value, re.ASCII) is not None
        case _:
            raise ValueError(name)


def _instant(value: JsonValue) -> float | None:
    """Milliseconds since 1970; seconds are rounded to microseconds first, as a double has no exact tenth."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        try:
            return to_ms(parse_instant(value))
        except PydanticCustomError:
            return None
    number = float(value)
    if number >= _FIRST_MILLISECONDS:
        return _floor(number)
    micros = number * 1e6
    return _floor((float(round(micros)) if math.isfinite(micros) else micros) / 1000)


def _floor(number: float) -> float:
    return float(math.floor(number)) if math.isfinite(number) else number
