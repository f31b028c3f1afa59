"""Generated scenarios: the events of a few users at the edges of the language, and definitions that ask about them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from segops_common.contracts.warehouse import JSON_INSERT_SETTINGS
from segops_language import Group, format_instant
from segops_language.events import Event
from segops_language.values.instants import from_ms
from segops_language.values.json import instant, number
from tests.corpus.filters import BY_FAMILY, families, walk
from tests.corpus.instants import DAY_MS, NOW_MS
from tests.corpus.order import held_for, sent_again, sequence_condition, set_again
from tests.corpus.values import ValuesGenerator, aggregate_condition, values_condition

USERS = ("u1", "u'2", "ü3", "{u:String}", "U1")
LISTED = (*USERS, "without events", '\n"☃')
STATIC = (901, 902)
EVENT_TYPES = (
    "login",
    "login",
    "login_x",
    "c'); DROP TABLE events--",
    "l*",
    "$identify",
    "$identify",
    "$identify",
    "$page",
)
EVENT_PATTERNS = ("login", "login", "login_*", "log*", "*", "l\\*", "l\\**", "c'*", "$identify", "$page", "$*", "none")

OFFSETS = (0, 1, -1, -1000, -DAY_MS - 1, -DAY_MS, -DAY_MS + 1, -2 * DAY_MS, -2 * DAY_MS + 1, -40 * DAY_MS)
MESSAGE_IDS = ("m", "M", "m0", "é", "z", "")
INSTANTS = (
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00.001Z",
    "2026-03-01t13:00:00.0009+01:00",
    "2026-02-28T12:00:00Z",
    "2026-02-28 12:00:00.001z",
    "2016-12-31T23:59:60Z",
    "1900-03-01T00:00:00-23:59",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2024-02-29T00:00:00Z",
    "1970-01-01T00:00:01.005Z",
)
NEARLY_INSTANTS = (
    "2026-02-29T12:00:00Z",
    "2100-02-29T12:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:60:00Z",
    "2026-03-01T12:00:61Z",
    "2026-13-01T12:00:00Z",
    "2026-03-01T12:00:00",  # an instant of a property, but not of RFC 3339, like the last one
    "2026-03-01T12:00Z",
    "2026-03-01T12:00:00Z\n",
    "2026-03-01T12:00:00+24:00",
    "0000-03-01T12:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "2026-03-01",
)
EPOCHS = (
    NOW_MS,
    NOW_MS + 1,
    NOW_MS / 1000,
    NOW_MS // 1000,
    NOW_MS // 1000 + 0.001,
    NOW_MS // 1000 - 86_400,
    NOW_MS // 1000 - 86_399.999,
    99_999_999_999,
    99_999_999_999.9,
    100_000_000_000,
    -1.5,
    -0.0001,
    # Times 1000 this is just below 1005.
    1.005,
)
NUMBERS = (0, 1, -1, 5, 5.0, 5.5, -0.0, 0.1, 2**53, 2**53 + 1, 2**63, 2**63 - 1, -(2**63), 1e300, -1e300, 5e-324)
NUMERALS = (
    "5",
    "5.0",
    "-1",
    "0",
    "-0",
    "1e3",
    "5E-1",
    "1e400",
    "05",
    "+5",
    "5.",
    ".5",
    " 5",
    "5\n",
    "0x5",
    "NaN",
    "inf",
)
TEXTS = ("", "pro", "Pro", "pr", "true", "null", "é", "e\u0301", "a\nb", "it's \"\\`", "😀", "{p0:String}", "$$")
SCALARS = (None, True, False, *NUMBERS, *NUMERALS, *TEXTS, *INSTANTS, *NEARLY_INSTANTS, *EPOCHS)
KEYS = ("a", "a", "b", "a.b", "k'`", "é", "0", "x y", "{p0:String}", "^`a`", ":`Int64`", "$s")
PATHS = (
    *("a", "a", "b", "0", "é", "k'`", "x y", "$s", "a\\.b", "{p0:String}", "^`a`", "missing"),
    *("a.a", "a.b", "a.0", "a.1", "a.00", "a.0.a", "a.a\\.b", "a.:`Int64`", "a.b.a", "b.0.0", "k'`.a", "k'`.0"),
    *("a.99999999999999999999", "a.0.0.0.0", "x y.a\\.b"),
)
DURATIONS = ("1d", "1s", "2d", "0s", "20w")

# Arrays that mix booleans with others keep their elements' types only with these insert settings.
_KEEPS_FLAGS = "input_format_json_read_bools_as_numbers" in JSON_INSERT_SETTINGS
PATTERNS = ("", "^5", "pro", "(?i)PRO", "a.b", "^.$", "[0-9]+", "\\\\", "'", "é", "^$", "(?:Z|z)")
WINDOWS: tuple[dict[str, str], ...] = (
    {"last": "1d"},
    {"last": "1s"},
    {"from": "-2d", "to": "-1d"},
    {"from": "2026-02-28T12:00:00Z"},
    {"to": "2026-02-28T12:00:00.000Z"},
    {"to": "-1d"},
    {"from": "-1d", "to": "2027-01-01T00:00:00Z"},
    {"from": "2026-02-28T12:00:00Z", "to": "-2d"},
    {"from": "2026-03-01T12:00:00Z"},
)
_WANTED = tuple(value for value in SCALARS if value is not None and value != 2**63)
_COUNT_OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "between")
_VALUES = "event_count per value, or event_aggregate"
_DRAWN = (
    *("event_count",) * 2,
    *(_VALUES,) * 2,
    "event_time",
    "event_match",
    "event_regularity",
    *("event_sequence",) * 2,
    *("sample", "segment"),
)
"""What half of the conditions are drawn from; the other half are of traits."""
_COUNT_BOUNDS = (-1, 0, 0.5, 1, 1, 1.0, 1.5, 2, 2, 3)


class Scenario:
    """Events of a few users, and definitions that mostly ask for what is there, or for what nearly is."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.references: dict[int, Group] = {segment_id: Group(logic="OR", conditions=()) for segment_id in STATIC}
        self.lists = {segment_id: frozenset(random.sample(LISTED, random.randint(0, 4))) for segment_id in STATIC}
        # Some scenarios are narrow, so that the same things happen again.
        self._users = USERS[: random.choice((3, 3, 5))]
        self._event_types = random.choice((EVENT_TYPES, EVENT_TYPES, ("$identify", "login")))
        self._keys = random.choice((KEYS, random.sample(KEYS, 2)))
        self._fresh: list[Event] = []
        for i in range(random.randint(3, 16)):
            self._fresh.append(self._event(i))
        # Mostly an instant after all events; some events are delivered twice, and none in order.
        self.as_of_ms = random.choice(
            (NOW_MS, NOW_MS, random.choice(self._fresh).timestamp_ms + random.choice((-1, 0, 1)))
        )
        self.events = self._fresh + [self._repeated() for _ in range(random.randint(0, 2))]
        random.shuffle(self.events)

    def definition(self, segment_id: int) -> Group:
        """Return a definition of one to three parts for a segment, which later definitions may refer to."""
        parts = [self._node(2) for _ in range(self._random.choice((1, 1, 1, 1, 1, 2, 3)))]
        logic = self._random.choice(("AND", "OR"))
        made = Group.model_validate({"logic": logic, "conditions": parts, "negate": self._random.random() < 0.1})
        self.references[segment_id] = made
        return made

    def _event(self, index: int) -> Event:
        pick = self._random.choice
        at = NOW_MS + pick(OFFSETS)
        message_id, position = f"{pick(MESSAGE_IDS)}-{index if index % 3 else 0}", pick((0, 0, 1, 2, 10))
        if self._fresh and self._random.random() < 0.3:
            made = replace(pick(self._fresh), message_id=message_id, timestamp_ms=at, position=position)
        else:
            payload = {pick(self._keys): self._value(2) for _ in range(pick((0, 1, 1, 2, 3)))}
            made = Event(pick(self._users), pick(self._event_types), message_id, at, payload, position)
        is_new = all((made.profile_id, made.identity) != (other.profile_id, other.identity) for other in self._fresh)
        return made if is_new else replace(made, message_id=f"{index}")

    def _repeated(self) -> Event:
        return sent_again(
            self._random, self._random.choice(self._fresh), {self._random.choice(self._keys): self._value(2)}
        )

    def _value(self, depth: int) -> Any:
        shape = self._random.random()
        if depth and shape < 0.15:
            return self._unmixed([self._value(depth - 1) for _ in range(self._random.randint(0, 3))])
        if depth and shape < 0.35:
            inner = {self._random.choice(self._keys): self._value(depth - 1) for _ in range(self._random.randint(1, 2))}
            # The JSON type keeps no trace of an object in which there is nothing but nulls.
            return inner if any(value is not None for value in inner.values()) else 5
        return self._scalar()

    def _scalar(self) -> Any:
        family = self._random.choice(
            (SCALARS, (5, "5", "pro", True, False, None), NUMBERS, NUMERALS, TEXTS, INSTANTS, EPOCHS)
        )
        return self._random.choice(family)

    def _unmixed(self, array: list[Any]) -> list[Any]:
        if _KEEPS_FLAGS or all(isinstance(value, bool) for value in array):
            return array
        return [value for value in array if not isinstance(value, bool)]

    def _node(self, depth: int) -> dict[str, Any]:
        kind = self._random.random()
        if depth and kind < 0.15:
            parts = [self._node(depth - 1) for _ in range(self._random.randint(0, 3))]
            return {
                "logic": self._random.choice(("AND", "OR")),
                "conditions": parts,
                "negate": self._random.random() < 0.3,
            }
        negate = self._random.random() < 0.1
        drawn = "user_property" if kind < 0.5 else self._random.choice(_DRAWN)
        return {**self.condition(drawn), "negate": negate}

    def condition(self, condition_type: str) -> dict[str, Any]:
        """Return a condition of a type. Raises KeyError for a type without a generator."""
        generators: dict[str, Callable[[], dict[str, Any]]] = {
            "user_property": self._trait,
            "event_count": self._event_count,
            _VALUES: self._values_condition,
            "event_aggregate": self._event_aggregate,
            "event_time": self._event_time,
            "event_match": self._event_match,
            "event_regularity": self._event_regularity,
            "event_sequence": self._event_sequence,
            "sample": self._sample,
            "segment": self._segment,
        }
        return generators[condition_type]()

    def _trait(self) -> dict[str, Any]:
        """Return a test of a trait; sometimes how long it was held, mostly where the trait was set more than once."""
        if self._random.random() < 0.6:
            return {"type": "user_property", **self._filter(self._subject("$identify"))}
        calls = [
            event for event in self._fresh if event.event_type == "$identify" and event.timestamp_ms <= self.as_of_ms
        ]
        subject = self._random.choice(set_again(calls) or calls or self._fresh)
        return {
            "type": "user_property",
            **self._filter(subject),
            "held_for": held_for(self._random, calls, subject, self.as_of_ms),
        }

    def _subject(self, event_type: str) -> Event:
        """Return an event to ask about, of the type if there is one."""
        return self._random.choice([event for event in self._fresh if event.event_type == event_type] or self._fresh)

    def _event_count(self) -> dict[str, Any]:
        pick = self._random.choice
        subject = pick(self._fresh)
        operator = pick((*_COUNT_OPERATORS, "gte", "gte", "gte", "gte"))
        bounds = sorted((pick(_COUNT_BOUNDS), pick(_COUNT_BOUNDS)))
        condition: dict[str, Any] = {
            "type": "event_count",
            "event_type": pick((subject.event_type, subject.event_type, pick(EVENT_PATTERNS))),
            "operator": operator,
            "value": bounds if operator == "between" else bounds[0],
            "where": [self._filter(subject) for _ in range(pick((0, 1, 1, 1, 2)))],
        }
        return condition if pick((True, False)) else {**condition, "window": pick(WINDOWS)}

    def _event_time(self) -> dict[str, Any]:
        """Return a condition with an instant at or next to that of an event."""
        pick = self._random.choice
        subject = pick(self._fresh)
        operator = pick(("before", "after", "within_last", "not_within_last"))
        near = format_instant(from_ms(subject.timestamp_ms + pick((-1, 0, 0, 1))))
        return {
            "type": "event_time",
            "event_type": pick((subject.event_type, subject.event_type, pick(EVENT_PATTERNS))),
            "occurrence": pick(("first", "last")),
            "operator": operator,
            "value": near if operator in ("before", "after") else pick(DURATIONS),
            "where": [self._filter(subject) for _ in range(pick((0, 0, 1)))],
        }

    def _values_condition(self) -> dict[str, Any]:
        return self._of_values(values_condition)

    def _event_aggregate(self) -> dict[str, Any]:
        return self._of_values(aggregate_condition)

    def _of_values(self, made_by: ValuesGenerator) -> dict[str, Any]:
        pick = self._random.choice
        subject = pick(self._fresh)
        condition: dict[str, Any] = {
            "event_type": pick((subject.event_type, subject.event_type, pick(EVENT_PATTERNS))),
            "where": [self._filter(subject) for _ in range(pick((0, 0, 0, 1)))],
            **made_by(self._random, self._fresh, subject, self._path(subject)[0]),
        }
        return condition if pick((True, True, False)) else {**condition, "window": pick(WINDOWS)}

    def _event_match(self) -> dict[str, Any]:
        pick = self._random.choice
        subject = pick(self._fresh)
        return {
            "type": "event_match",
            "event_type": pick((subject.event_type, subject.event_type, pick(EVENT_PATTERNS))),
            "occurrence": pick(("first", "last")),
            "has": [self._filter(subject) for _ in range(pick((1, 1, 2)))],
            "where": [self._filter(subject) for _ in range(pick((0, 0, 1)))],
        }

    def _event_regularity(self) -> dict[str, Any]:
        pick = self._random.choice
        subject = pick(self._fresh)
        return {
            "type": "event_regularity",
            "event_type": pick((subject.event_type, subject.event_type, pick(EVENT_PATTERNS))),
            "period": pick(("1s", "1d", "1d", "2d", "10w")),
            "of": pick((1, 2, 3, 60)),
            "at_least": pick((0, 1, 1, 2, 2, 3)),
            "count": pick((0, 1, 1, 1, 2)),
            "where": [self._filter(subject) for _ in range(pick((0, 0, 1)))],
        }

    def _event_sequence(self) -> dict[str, Any]:
        pick = self._random.choice

        def where(event: Event) -> list[dict[str, Any]]:
            return [self._filter(event) for _ in range(pick((0, 0, 0, 0, 0, 1)))]

        condition = sequence_condition(self._random, self._fresh, self.as_of_ms, EVENT_PATTERNS, where)
        return condition if pick((True, True, True, False)) else {**condition, "window": pick(WINDOWS)}

    def _sample(self) -> dict[str, Any]:
        pick = self._random.choice
        seed: dict[str, Any] = pick(({}, {"seed": pick(TEXTS)}))
        return {"type": "sample", "percent": pick((0, 5.5, 50, 50, 75.25, 100)), **seed}

    def _segment(self) -> dict[str, Any]:
        """Return a condition on a static segment, or on one that was defined before."""
        return {"type": "segment", "segment_id": self._random.choice(tuple(self.references))}

    def _path(self, subject: Event) -> tuple[str, Any]:
        """Return a path, mostly one that the event has, and the value there."""
        path, value = self._random.choice([*walk(subject.payload, ()), ((), None)])
        if not path or self._random.random() < 0.1:
            return self._random.choice(PATHS), value
        return ".".join(key.replace(".", "\\.") for key in path), value

    def _filter(self, subject: Event) -> dict[str, Any]:
        """Return a test of a property of the event that it passes or nearly passes."""
        spelled, value = self._path(subject)
        family = self._random.choice(families(value))
        test = {"property": spelled, "operator": self._random.choice(BY_FAMILY[family])}
        return test if family == "presence" else {**test, "value": self._wanted(family, value)}

    def _wanted(self, family: str, value: Any) -> Any:
        """Return a value for the operator, the given one if the operator accepts it."""
        if family in ("equality", "membership", "containment"):
            return self._equal(family, value)
        if family in ("comparison", "between"):
            return self._bound(family, value)
        return self._other(family, value)

    def _equal(self, family: str, value: Any) -> Any:
        pick = self._random.choice
        if isinstance(value, list):
            value = pick([scalar for scalar in value if isinstance(scalar, bool | int | float | str)] or [5])
        if value is None or isinstance(value, dict) or self._random.random() < 0.1:
            value = pick(_WANTED)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 2**63:
            value = float(value)
        if family == "membership":
            return [value, *(pick(_WANTED) for _ in range(pick((0, 1, 4))))]
        if family == "containment" and isinstance(value, str):
            return pick((value, value[1:2], value + "x"))
        return pick((value, value, value, str(value)))

    def _bound(self, family: str, value: Any) -> Any:
        pick = self._random.choice
        parsed = number(value)
        middle = 5.0 if parsed is None or math.isinf(parsed) else parsed
        near = pick((middle, middle, middle + 1, middle - 1))
        return near if family == "comparison" else sorted((near, pick((middle, 0, -1, 1e300))))

    def _other(self, family: str, value: Any) -> Any:
        pick = self._random.choice
        text = value if isinstance(value, str) else pick(TEXTS)
        match family:
            case "affix":
                return pick((text, text[:1], text[1:], text[:-1], text + "x"))
            case "pattern":
                return pick(PATTERNS)
            case "instant":
                at = instant(value)
                inside = at is not None and -(2**45) < at < 2**47
                return format_instant(from_ms(int(at or 0) + pick((-1, 0, 0, 1)))) if inside else pick(INSTANTS)
            case _:
                return pick(DURATIONS)
