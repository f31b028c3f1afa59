"""Documented definitions, generated, and their meaning in plain Python, written from the documented API alone.

Nothing here knows the conditions of the language: the two must agree on the members.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any, Final

from pydantic import JsonValue

from segops_language.events import Event
from tests.corpus.instants import DAY_MS, NOW_MS

Json = dict[str, Any]
SEGMENTS: Final[Mapping[int, frozenset[str]]] = {31: frozenset({"u0", "u2", "u5"}), 32: frozenset()}
IDENTIFY: Final = "context_identified"
TYPES: Final = ("viewed", "bought", IDENTIFY)
STORED_TYPES: Final = {IDENTIFY: "$identify"}
"""What ingestion stores an event type as."""
_NUMERAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_VALUES: Final[tuple[JsonValue, ...]] = (
    None,
    True,
    False,
    0,
    5,
    5.0,
    7.5,
    "5",
    "7",
    "pro",
    "Pro user",
    "",
    ["pro", 5],
    [],
)
_AGES_MS: Final = (0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1, 2 * DAY_MS - 1, 2 * DAY_MS, 3 * DAY_MS + 5, 40 * DAY_MS)
_OF_TEXTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "matches_regex": lambda text, pattern: re.search(pattern, text) is not None,
}
_DAYS: Final = (0, 1, 1, 2, 2.0, 3, 40)
_COUNT_OPERATORS: Final = ("eq", "neq", "gt", "gte", "lt", "lte", "between", "not_between")
_VALUE_OPERATORS: Final = (
    *_COUNT_OPERATORS,
    *("in", "not_in", "contains", "does_not_contain", "starts_with", "ends_with", "matches_regex"),
    *("is_set", "is_not_set", "is_true", "is_false"),
)


def world(random: Random) -> list[Event]:
    """Return the events of a few users, as they are stored, in no order."""
    events = []
    for number in range(random.randint(4, 30)):
        event_type = random.choice(TYPES)
        payload: dict[str, JsonValue] = {
            random.choice("ab"): random.choice(_VALUES) for _ in range(random.randint(0, 2))
        }
        at_ms = NOW_MS - random.choice(_AGES_MS)
        user = f"u{random.randrange(6)}"
        stored = STORED_TYPES.get(event_type, event_type)
        events.append(Event(user, stored, f"m{number:02}", at_ms, payload, random.randrange(2)))
    return events


def definition(random: Random) -> Json:
    """Return a flat definition, sometimes with a group inside."""
    nodes = [_condition(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    if random.random() < 0.1:
        nodes.append({"logic": "OR", "conditions": [_condition(random), _condition(random)], "negate": True})
    return {"logic": random.choice(("AND", "OR")), "conditions": nodes}


def _condition(random: Random) -> Json:
    condition = random.choice(_GENERATORS)(random)
    return {**condition, "negate": True} if random.random() < 0.1 else condition


def _count(random: Random) -> Json:
    condition = {"type": "event_count", "event_type": random.choice(TYPES), **_number_test(random, (0, 1, 2, 3))}
    return condition if random.random() < 0.4 else {**condition, "window_days": random.choice(_DAYS[1:])}


def _recency(random: Random) -> Json:
    operator, days = random.choice(("gt", "gt", "lt", "lt", "eq", "gte", "lte", "neq")), random.choice(_DAYS)
    return {"type": "recency", "event_type": random.choice(TYPES), "operator": operator, "window_days": days}


def _monetary(random: Random) -> Json:
    subject = {"event_type": random.choice(TYPES), "property": random.choice("ab")}
    metric = random.choice(("sum", "avg", "max"))
    return {"type": "monetary", **subject, "metric": metric, **_number_test(random, (0, 5, 7, 7.5, 12.5))}


def _number_test(random: Random, bounds: Sequence[float]) -> Json:
    operator = random.choice(_COUNT_OPERATORS)
    value = random.choice(bounds)
    return {"operator": operator, "value": sorted((value, random.choice(bounds))) if "between" in operator else value}


def _event_property(random: Random) -> Json:
    return {"type": "event_property", "event_type": random.choice(TYPES), **_value_test(random)}


def _user_property(random: Random) -> Json:
    return {"type": "user_property", **_value_test(random)}


def _value_test(random: Random) -> Json:
    test: Json = {"property": random.choice("ab"), "operator": random.choice(_VALUE_OPERATORS)}
    scalars = (True, False, 0, 5, 7.5, "5", "pro", "")
    match test["operator"]:
        case "is_set" | "is_not_set" | "is_true" | "is_false":
            return test
        case "gt" | "gte" | "lt" | "lte" | "between" | "not_between" as operator:
            return {**test, **_number_test(random, (0, 5, 7)), "operator": operator} | _bounds(random, operator)
        case "in" | "not_in":
            return {**test, "value": random.sample(scalars, 3)}
        case "starts_with" | "ends_with" | "matches_regex":
            return {**test, "value": random.choice(("", "pro", "P", "r", "5"))}
        case _:
            return {**test, "value": random.choice(scalars)}


def _bounds(random: Random, operator: str) -> Json:
    bounds = sorted((random.choice((0, 5, 7)), random.choice((5, 7.5))))
    return {"value": bounds if "between" in operator else bounds[0]}


def _sequence(random: Random) -> Json:
    events = [random.choice(TYPES[:2] if random.random() < 0.8 else TYPES) for _ in range(random.choice((2, 2, 3)))]
    sequence = {"type": "event_sequence", "events": events, "window_days": random.choice(_DAYS)}
    return sequence if random.random() < 0.4 else {**sequence, "strict": random.random() < 0.7}


def _segment(random: Random) -> Json:
    segment_id, operator = random.choice(tuple(SEGMENTS)), random.choice(("in", "not_in"))
    return {"type": "segment_membership", "segment_id": segment_id, "operator": operator}


_GENERATORS: Final[Sequence[Callable[[Random], Json]]] = (
    *(_count, _recency, _recency, _monetary, _event_property, _user_property, _sequence, _sequence, _segment),
)


@dataclass(frozen=True, slots=True)
class User:
    """The events of one user in order, as of now."""

    user_id: str
    events: Sequence[Event]

    def of_type(self, event_type: str) -> list[Event]:
        """Return the events of a documented type."""
        return [event for event in self.events if event.event_type == STORED_TYPES.get(event_type, event_type)]

    def trait(self, name: str) -> object:
        """Return the value that the last identify call with this trait gave it."""
        values = [event.payload[name] for event in self.of_type(IDENTIFY) if name in event.payload]
        return values[-1] if values else None


def members(definition: Json, events: Sequence[Event]) -> set[str]:
    """Return the users that a documented definition selects."""
    in_order = sorted(events, key=lambda event: (event.timestamp_ms, event.position, event.message_id))
    users = (User(name, [e for e in in_order if e.profile_id == name]) for name in {e.profile_id for e in events})
    return {user.user_id for user in users if _selects(definition, user)}


def _selects(node: Json, user: User) -> bool:
    if "type" in node:
        holds = _MEANINGS[node["type"]](node, user)
    else:
        holds = (all if node["logic"] == "AND" else any)(_selects(inner, user) for inner in node["conditions"])
    return bool(holds) != bool(node.get("negate"))


def _count_holds(node: Json, user: User) -> bool:
    events = user.of_type(node["event_type"])
    if "window_days" in node:
        events = [event for event in events if NOW_MS - event.timestamp_ms < node["window_days"] * DAY_MS]
    return _number_holds(len(events), node)


def _recency_holds(node: Json, user: User) -> bool:
    events = user.of_type(node["event_type"])
    if not events:
        return False
    age_ms, days = NOW_MS - events[-1].timestamp_ms, node["window_days"]
    match node["operator"]:
        case "gt" | "gte":
            return bool(age_ms >= days * DAY_MS)
        case "lt" | "lte":
            return bool(age_ms < days * DAY_MS)
        case operator:
            return bool((age_ms // DAY_MS == days) == (operator == "eq"))


def _monetary_holds(node: Json, user: User) -> bool:
    values = [_number(event.payload.get(node["property"])) for event in user.of_type(node["event_type"])]
    numbers = [value for value in values if value is not None]
    if node["metric"] == "sum":
        return _number_holds(sum(numbers), node)
    if not numbers:
        return bool(node["operator"] in ("neq", "not_between"))
    return _number_holds(max(numbers) if node["metric"] == "max" else sum(numbers) / len(numbers), node)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMERAL.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number_holds(number: float, test: Json) -> bool:
    value = test["value"]
    holds: Mapping[str, Callable[[], bool]] = {
        "eq": lambda: number == value,
        "neq": lambda: number != value,
        "gt": lambda: number > value,
        "gte": lambda: number >= value,
        "lt": lambda: number < value,
        "lte": lambda: number <= value,
        "between": lambda: value[0] <= number <= value[1],
        "not_between": lambda: not value[0] <= number <= value[1],
    }
    return holds[test["operator"]]()


def _event_property_holds(node: Json, user: User) -> bool:
    events = user.of_type(node["event_type"])
    return bool(events) and _value_holds(events[-1].payload.get(node["property"]), node)


def _user_property_holds(node: Json, user: User) -> bool:
    return _value_holds(user.trait(node["property"]), node)


def _value_holds(value: object, test: Json) -> bool:
    """Return whether a value, or None for a missing one, satisfies a test. Negative operators hold for missing values."""
    operator, operand = str(test["operator"]), test.get("value")
    negative = {
        "neq": "eq",
        "not_in": "in",
        "does_not_contain": "contains",
        "not_between": "between",
        "is_not_set": "is_set",
    }
    if operator in negative:
        return not _value_holds(value, {**test, "operator": negative[operator]})
    if isinstance(value, str) and operator in _OF_TEXTS:
        return isinstance(operand, str) and _OF_TEXTS[operator](value, operand)
    match operator:
        case "eq" | "in":
            return any(_same(value, item) for item in (test["value"] if operator == "in" else [operand]))
        case "contains":
            return isinstance(value, list) and any(_same(item, operand) for item in value)
        case "is_set":
            return value is not None
        case "is_true" | "is_false":
            return value is (operator == "is_true")
        case _:
            number = _number(value)
            return number is not None and operator not in _OF_TEXTS and _number_holds(number, test)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _sequence_holds(node: Json, user: User) -> bool:
    """Try every choice of events."""
    stored = [STORED_TYPES.get(name, name) for name in node["events"]]
    places = range(len(user.events))
    return any(_is_match(node, user, stored, chosen) for chosen in combinations(places, len(stored)))


def _is_match(node: Json, user: User, types: Sequence[str], chosen: Sequence[int]) -> bool:
    events = [user.events[place] for place in chosen]
    if [event.event_type for event in events] != types:
        return False
    if events[-1].timestamp_ms - events[0].timestamp_ms > node["window_days"] * DAY_MS:
        return False
    between = set(range(chosen[0], chosen[-1])) - set(chosen)
    tracked = any(not user.events[place].event_type.startswith("$") for place in between)
    return not (node.get("strict") and tracked)


def _segment_holds(node: Json, user: User) -> bool:
    return bool((user.user_id in SEGMENTS[node["segment_id"]]) == (node["operator"] == "in"))


_MEANINGS: Final[Mapping[str, Callable[[Json, User], bool]]] = {
    "event_count": _count_holds,
    "recency": _recency_holds,
    "monetary": _monetary_holds,
    "event_property": _event_property_holds,
    "user_property": _user_property_holds,
    "event_sequence": _sequence_holds,
    "segment_membership": _segment_holds,
}
