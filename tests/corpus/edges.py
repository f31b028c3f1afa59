"""A small fixed corpus: events at the edges of the language, and conditions that those edges decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from segops_language.events import Event
from tests.corpus.instants import DAY_MS, NOW_MS

_VALUES: tuple[Any, ...] = (
    *(5, 5.5, 6, 1, 0, -0.0, "5", "05", "6", True, False, None, "pro", "Pro", "a\nb", "xa", "ax", "", 2**63 + 2**11),
    *([1, "x"], [], ["pro"], {"q": "pro"}, {"q": {"r": 1}}, {"a.b": 5}, {"a": {"b": 5}}),
    *("2026-02-28T12:00:00Z", "2026-02-28T12:00:00.001Z", "2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.001Z"),
    *(100_000_000_000, 99_999_999_999),
    *([2**64], {}, {"q": {}}),
)
_TIMES: dict[str, tuple[int, ...]] = {
    "now": (0,),
    "later": (1,),
    "now and later": (0, 1),
    "a day ago": (-DAY_MS,),
    "less than a day ago": (-DAY_MS + 1,),
    "two days ago": (-2 * DAY_MS,),
    "less than two days ago": (-2 * DAY_MS + 1,),
    "twice in a period": (0, -DAY_MS + 1),
    "in two periods": (0, -DAY_MS),
    "in three periods": (-1, -DAY_MS, -2 * DAY_MS),
    "thrice at once": (-7, -7, -7),
    "long ago": (-90 * DAY_MS,),
}
_TYPES = ("login", "login_x", "$page", "other")
_PRICES: dict[str, tuple[JsonValue, ...]] = {
    "cents": (0.1, 0.2, 0.3),
    "whole": (1, 2, "3"),
    "average": (2, 4),
    "up to even": (2**53 + 2, 1),
    "down to even": (2**53, 1),
    "tiny": (0.0001, 0.0001),
    "huge": (1e300, 1e300, -1e300),
    "alike": (5, 5.0, 7),
    "thrice": (5, 5, 5),
    "zeros": (0, -0.0, False),
    "minus zero": (-0.0, 0.0),
    "flags": (False, False, 0),
    "no number": ("x", True, None),
    "nothing": (),
}
_TRAITS: dict[str, tuple[tuple[int, str, dict[str, JsonValue], int], ...]] = {
    "set": ((-9, "a", {"plan": "pro"}, 0),),
    "removed": ((-9, "a", {"plan": "pro"}, 0), (-8, "b", {"plan": None}, 0)),
    "changed": ((-9, "a", {"plan": "free"}, 0), (-8, "b", {"plan": "pro"}, 0)),
    "tie": ((-9, "a", {"plan": "free"}, 0), (-9, "b", {"plan": "pro"}, 0)),
    "tie by position": ((-9, "b", {"plan": "free"}, 0), (-9, "a", {"plan": "pro"}, 1)),
    "later": ((-9, "a", {"plan": "pro"}, 0), (1, "b", {"plan": "free"}, 0)),
}
_TIERS: dict[str, tuple[tuple[int, JsonValue], ...]] = {
    "held": ((-10_000, "gold"),),
    "held less": ((-9_999, "gold"),),
    "set again": ((-20_000, "gold"), (-5_000, "gold")),
    "changed and back": ((-20_000, "gold"), (-15_000, "silver"), (-5_000, "gold")),
    "changed": ((-20_000, "gold"), (-5_000, "silver")),
    "removed": ((-20_000, "gold"), (-5_000, None)),
    "removed and set": ((-20_000, "gold"), (-6_000, None), (-5_000, "gold")),
    "the same number": ((-20_000, 5), (-5_000, 5.0)),
    "a numeral": ((-20_000, 5), (-5_000, "5")),
}
_STEPS = (("step_*", "step_*"), ("step_a", "step_*"), ("step_b", "step_a"), ("step_a", "step_a"), ("step_*",) * 3)
_CHAINS: dict[str, tuple[tuple[str, int], ...]] = {
    "in order": (("step_a", -70_000), ("step_b", -10_000)),
    "a millisecond late": (("step_a", -70_001), ("step_b", -10_000)),
    "in reverse": (("step_b", -30_000), ("step_a", -10_000)),
    "at once": (("step_a", -10_000), ("step_b", -10_000)),
    "begun again": (("step_a", -200_000), ("step_a", -30_000), ("step_b", -10_000)),
    "begun again at the end": (("step_a", -30_000), ("step_a", -10_000), ("step_b", -10_000)),
    "only begun": (("step_a", -30_000),),
    "the same twice": (("step_a", -30_000), ("step_a", -10_000)),
    "the same thrice": (("step_a", -30_000), ("step_a", -20_000), ("step_a", -10_000)),
    "long ago": (("step_a", -600_000), ("step_b", -590_000)),
    "three in order": (("step_a", -70_000), ("step_b", -40_000), ("step_c", -10_000)),
    "three, a millisecond late": (("step_a", -70_001), ("step_b", -40_000), ("step_c", -10_000)),
    "three, two at once": (("step_a", -70_000), ("step_b", -10_000), ("step_c", -10_000)),
    "another between": (("step_a", -30_000), ("view", -20_000), ("step_b", -10_000)),
    "another between, and begun again": (
        ("step_a", -30_000),
        ("view", -20_000),
        ("step_a", -15_000),
        ("step_b", -10_000),
    ),
    "others around": (("view", -40_000), ("step_a", -30_000), ("step_b", -10_000), ("view", -5_000)),
    "a page between": (("step_a", -30_000), ("$page", -20_000), ("step_b", -10_000)),
    "two pages between": (("step_a", -30_000), ("$page", -25_000), ("$page", -20_000), ("step_b", -10_000)),
    "a page and another between": (("step_a", -30_000), ("$page", -20_000), ("view", -15_000), ("step_b", -10_000)),
}

_AT_ONCE: dict[str, tuple[tuple[str, int, str, int], ...]] = {
    "by position": (("step_a", -10_000, "M", 300), ("step_b", -10_000, "m", 7)),
    "by id": (("step_a", -10_000, "z", 0), ("step_b", -10_000, "Z", 0)),
    "by type": (("step_a", -10_000, "m", 0), ("step_b", -10_000, "m", 0)),
    "another by id": (("step_a", -10_000, "a", 0), ("view", -10_000, "b", 0), ("step_b", -10_000, "c", 0)),
    "another before by id": (("step_a", -10_000, "b", 0), ("view", -10_000, "a", 0), ("step_b", -10_000, "c", 0)),
    "too late": (("step_a", -90_000, "m", 0), ("step_a", -10_000, "z", 0), ("step_b", -10_000, "Z", 0)),
}

_ASKED_ALONE = ("ping", "beat")
"""Event types with a single condition each, so that no other condition decides how they are read."""

EVENTS: list[Event] = [
    *(
        Event(f"tier {name}", "$identify", f"t{i}", NOW_MS + at, {"tier": value})
        for name, history in _TIERS.items()
        for i, (at, value) in enumerate(history)
    ),
    *(
        Event(f"chain {name}", event_type, f"c{i}", NOW_MS + at, {"n": i})
        for name, chain in _CHAINS.items()
        for i, (event_type, at) in enumerate(chain)
    ),
    *(
        Event(f"at once {name}", event_type, id, NOW_MS + at, {"n": event_type == "step_b"}, position)
        for name, chain in _AT_ONCE.items()
        for event_type, at, id, position in chain
    ),
    *(Event(f"value {i}", "e", f"m{i}", NOW_MS, {"p": value}) for i, value in enumerate(_VALUES)),
    Event("no value", "e", "m", NOW_MS, {}),
    *(
        Event(f"{name} {kind}", kind, f"{name}-{i}", NOW_MS + at, {})
        for kind in _TYPES
        for name, times in _TIMES.items()
        for i, at in enumerate(times)
    ),
    *(
        Event(f"prices {name}", "buy", f"{name}-{i}", NOW_MS - i, {"price": price})
        for name, prices in _PRICES.items()
        for i, price in enumerate(prices)
    ),
    *(Event(f"prices {name}", "other", name, NOW_MS, {}) for name in _PRICES),
    *(
        Event(f"tie {i}", "tie", f"{id}-{i}", NOW_MS - 9, {"p": p, "q": (p + i) % 2})
        for i in range(4)
        for p, id in enumerate("aZé0")
    ),
    *(
        Event(f"traits {name}", "$identify", f"{id}-{name}", NOW_MS + at, traits, position)
        for name, history in _TRAITS.items()
        for at, id, traits, position in history
    ),
    # The first step came again, in a request in which it was later than the second step.
    *(
        Event("came again", event_type, "again", NOW_MS - 10_000, {}, position)
        for event_type, position in (("step_a", 0), ("step_b", 1), ("step_a", 2))
    ),
    # Whoever stores every third event twice stores one of each kind twice.
    *(Event(f"{kind} {i}", kind, f"{kind}-{i}", NOW_MS - 5, {}) for kind in _ASKED_ALONE for i in range(3)),
]


def _count(operator: str, value: Any, event_type: str = "login", **more: Any) -> dict[str, Any]:
    return {"type": "event_count", "event_type": event_type, "operator": operator, "value": value, **more}


def _where(path: str, operator: str, value: Any = None) -> dict[str, Any]:
    test = {"property": path, "operator": operator}
    return _count("gte", 1, "e", where=[test if value is None else {**test, "value": value}])


def _trait(operator: str, value: Any = None) -> dict[str, Any]:
    test = {"type": "user_property", "property": "plan", "operator": operator}
    return test if value is None else {**test, "value": value}


def _time(occurrence: str, operator: str, value: str) -> dict[str, Any]:
    return {"type": "event_time", "event_type": "login", "occurrence": occurrence, "operator": operator, "value": value}


def _match(occurrence: str, p: int, *where: dict[str, Any]) -> dict[str, Any]:
    has = [{"property": "p", "operator": "eq", "value": p}]
    return {"type": "event_match", "event_type": "tie", "occurrence": occurrence, "has": has, "where": list(where)}


def _regular(of: int, at_least: int, event_type: str = "login", **more: Any) -> dict[str, Any]:
    condition = {"type": "event_regularity", "event_type": event_type, "period": "1d", "of": of, "at_least": at_least}
    return {**condition, **more}


def _aggregate(function: str, operator: str, value: Any) -> dict[str, Any]:
    condition = {"type": "event_aggregate", "event_type": "buy", "property": "price", "function": function}
    return {**condition, "operator": operator, "value": value}


def _sequence(*types: str, within: str = "60s", where: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
    steps = [*({"event_type": event_type} for event_type in types[:-1]), {"event_type": types[-1], "where": where}]
    return {"type": "event_sequence", "steps": steps, "within": within, **more}


def _first_or_last_step(occurrence: str) -> dict[str, Any]:
    has = [{"property": "n", "operator": "eq", "value": True}]
    return {"type": "event_match", "event_type": "step_*", "occurrence": occurrence, "has": has}


def _held(operator: str, long: str, name: str, *value: Any) -> dict[str, Any]:
    operand = {"value": value[0]} if value else {}
    held_for = {"operator": operator, "duration": long}
    return {"type": "user_property", "property": "tier", "operator": name, "held_for": held_for, **operand}


DEFINITIONS: tuple[list[dict[str, Any]], ...] = (
    [
        *(_count(operator, 1) for operator in ("gte", "eq", "neq", "lt", "lte", "gt")),
        *(_count("eq", 0), _count("lt", 3), _count("between", [1, 2]), _count("eq", 2)),
        *(
            _count("gte", 1, window=window)
            for window in ({"last": "1d"}, {"from": "-2d", "to": "-1d"}, {"to": "2027-01-01T00:00:00Z"}, {"to": "-1d"})
        ),
        *(_count("gte", 1, kind) for kind in ("login*", "*", "$page", "lo*")),
        {"logic": "OR", "conditions": [_count("eq", 1), _count("eq", 1, "login_x")]},
        {"logic": "AND", "conditions": [_count("gte", 1), _count("eq", 3)], "negate": True},
        {"logic": "AND", "conditions": [_count("gte", 1, negate=True)]},
        *(_time(occurrence, "before", "2026-02-28T12:00:00Z") for occurrence in ("first", "last")),
        *(_time(occurrence, "after", "2026-02-28T12:00:00Z") for occurrence in ("first", "last")),
        *(_time("last", operator, "1d") for operator in ("within_last", "not_within_last")),
        *(_regular(of, at_least) for of, at_least in ((2, 1), (2, 2), (3, 2), (3, 3))),
        *(_count("gte", 2, "ping"), _regular(2, 1, "beat", count=2)),
        *(_match(occurrence, p) for occurrence in ("first", "last") for p in range(4)),
        *(_match(occurrence, 1, {"property": "q", "operator": "eq", "value": 1}) for occurrence in ("first", "last")),
        *({"type": "sample", "percent": 25.9, "seed": seed} for seed in "abcd"),
        {"type": "sample", "percent": 50},
        *(_first_or_last_step(occurrence) for occurrence in ("first", "last")),
    ],
    [
        *(_where("p", operator, 5) for operator in ("eq", "neq", "gt", "gte", "lt", "lte")),
        *(_where("p", "eq", value) for value in (1, True, False, "5", "", 0)),
        *(_where("p", "in", values) for values in ([True, "x", "pro"], ["x", 5, 6, 0])),
        *(_where("p", "between", values) for values in ([5, 5.5], [5.5, 6], [0, 1])),
        *(_where("p", operator, "pro") for operator in ("contains", "not_contains")),
        *(_where("p", operator, value) for operator in ("starts_with", "ends_with") for value in "xa"),
        *(_where("p", operator, "a.b") for operator in ("matches", "not_matches")),
        *(_where("p", operator) for operator in ("exists", "not_exists")),
        *(_where("p", operator, "1d") for operator in ("within_last", "not_within_last")),
        *(_where("p", operator, "2026-03-01T12:00:00Z") for operator in ("before", "after")),
        *(_where("p", "before", "1990-01-01T00:00:00Z"),),
        *(_where("p.0", "eq", 1), _where("p.1", "exists"), _where("p.q", "exists"), _where("p.q.r", "eq", 1)),
        *(_where("p.a.b", "eq", 5), _where("p.a\\.b", "eq", 5)),
        *(_trait(operator, "pro") for operator in ("eq", "neq")),
        _trait("exists"),
        *(_where("p", "contains", 2.0**64), _where("p.0", "gte", 2.0**64)),
    ],
    [
        *(_count(operator, 2, "buy", per="price") for operator in ("eq", "neq", "gte", "lt")),
        *(_count("eq", 3, "buy", per="price"), _count("neq", 3, "buy", per="price")),
        *(_aggregate("distinct", "eq", value) for value in (0, 1, 2)),
        *(_aggregate("sum", operator, 6) for operator in ("eq", "neq", "gt", "lte")),
        *(_aggregate("sum", "eq", value) for value in (0, 0.6, 2**53, 2**53 + 2, 2**53 + 4, 0.0002, 1e300)),
        *(_aggregate("avg", operator, 3) for operator in ("eq", "neq", "gt", "lt")),
        *(_aggregate("min", operator, 1) for operator in ("eq", "gte", "gt", "lt")),
        *(_aggregate("max", operator, 5) for operator in ("eq", "gt", "lte", "neq")),
    ],
    [
        *(_sequence("step_a", "step_b", within=within) for within in ("59s", "60s", "10w")),
        *(_sequence("step_a", "step_b", "step_c", within=within) for within in ("59s", "60s", "10w")),
        *(_sequence(*types) for types in _STEPS),
        _sequence("step_a", "step_b", where=[{"property": "n", "operator": "eq", "value": 1}]),
        _sequence("step_a", "step_b", window={"last": "35s"}),
        *(_held(operator, "10s", "exists") for operator in ("gte", "lt")),
        *(_held(operator, "10s", "eq", value) for operator in ("gte", "lt") for value in ("gold", 5, "5")),
        *(_held(operator, "10s", "neq", "silver") for operator in ("gte", "lt")),
        _sequence("step_a", "step_a", "step_a"),
        _sequence("step_a", "step_*", "step_c"),
        _sequence("step_a", "step_b", strict=True),
        _sequence("step_a", "step_b", within="20s", strict=True),
        _sequence("step_a", "step_b", where=[{"property": "n", "operator": "eq", "value": 1}], strict=True),
        _sequence("step_a", "step_b", "step_c", strict=True),
        _sequence("step_a", "$page", "step_b", strict=True),
        _sequence("step_a", "step_a", window={"last": "25s"}, strict=True),
    ],
)
