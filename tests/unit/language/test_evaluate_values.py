"""Aggregates of the reference evaluator, compared with docs/segment-language.md and sums worked out by hand."""

from __future__ import annotations

import math
from itertools import islice, permutations
from typing import Any

import pytest
from pydantic import JsonValue

from segops_language import Group
from segops_language.conditions.aggregate import aggregate
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate

NOW_MS = 1_772_366_400_000
MAX = 1.7976931348623157e308


def members(lists: dict[str, list[JsonValue]], condition: dict[str, Any]) -> set[str]:
    """Who satisfies it, when each has bought for these prices."""
    definition = Group.model_validate({"logic": "AND", "conditions": [{"event_type": "buy", **condition}]})
    events = [Event(user, "other", user, NOW_MS, {}) for user in lists]
    events += [
        Event(user, "buy", f"{user}{i}", NOW_MS - i, {"price": price})
        for user, prices in lists.items()
        for i, price in enumerate(prices)
    ]
    return set(evaluate(definition, events, NOW_MS, segment_id=7))


def per(lists: dict[str, list[JsonValue]], operator: str, value: Any, **more: Any) -> set[str]:
    return members(lists, {"type": "event_count", "operator": operator, "value": value, "per": "price", **more})


def test_one_values_count_must_satisfy() -> None:
    lists: dict[str, list[JsonValue]] = {
        "thrice": [5, 5.0, 7, 5],
        "mixed": [5, "5", True, 1, "5"],
        "zeros": [0.0, -0.0, False],
        "no scalar": [[5], {"a": 5}, None],
        "never": [],
    }

    assert per(lists, "gte", 3) == {"thrice"}
    assert per(lists, "eq", 2) == {"mixed", "zeros"}
    assert per(lists, "eq", 1) == {"thrice", "mixed", "zeros"}
    assert per(lists, "neq", 1) == {"thrice", "mixed", "zeros"}
    assert per(lists, "eq", 3, window={"last": "1s"}) == {"thrice"}
    assert per(lists, "gte", 3, where=[{"property": "price", "operator": "gt", "value": 5}]) == set()


@pytest.mark.parametrize(("operator", "value"), [("neq", 1), ("eq", 0), ("lt", 1), ("gte", 0)])
def test_a_profile_without_a_value_satisfies_nothing(operator: str, value: int) -> None:
    assert per({"never": [], "null": [None]}, operator, value) == set()


@pytest.mark.parametrize(
    ("function", "operator", "value", "verdict"),
    [
        ("sum", "eq", 0, True),
        ("sum", "lt", 1, True),
        ("sum", "neq", 0, False),
        ("distinct", "eq", 0, True),
        *((function, "neq", 0, True) for function in ("avg", "min", "max")),
        *((function, name, 0, False) for function in ("avg", "min", "max") for name in ("eq", "gte", "lte", "lt")),
        ("avg", "between", [-1, 1], False),
    ],
)
def test_without_a_number(function: str, operator: str, value: Any, verdict: bool) -> None:
    condition = {"type": "event_aggregate", "property": "price", "function": function, "operator": operator}
    assert members({"never": []}, {**condition, "value": value}) == ({"never"} if verdict else set())


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        ("sum", [5, "5", "1e1", True, " 5", None, [5]], 20.0),
        ("avg", [1, "2", False], 1.5),
        ("min", [5, "-1", 0], -1.0),
        ("max", [5, "1e400"], math.inf),
        ("distinct", [5, 5.0, "5", True, 1, "true", None, [5], 0.0, -0.0], 6.0),
        # Added from left to right: 0.6000000000000001, and 0.0.
        ("sum", [0.1, 0.2, 0.3], 0.6),
        ("sum", [1e16, 1, -1e16], 1.0),
        ("sum", [MAX, MAX, -MAX], MAX),
        ("sum", [MAX, 1e300, MAX], math.inf),
        ("sum", [-MAX, -MAX, "1e3"], -math.inf),
        ("avg", [MAX, MAX], MAX),
        ("avg", [5e-324, 0], 0.0),
        ("avg", [1.5e-323, 0], 1e-323),
        ("sum", ["1e400", 5, -MAX], math.inf),
    ],
)
def test_aggregates(function: Any, values: list[JsonValue], expected: float) -> None:
    for order in islice(permutations(values), 6):
        assert aggregate(function, order) == expected


def test_infinities_of_both_signs_are_no_number() -> None:
    both: dict[str, list[JsonValue]] = {"u": ["1e400", "-1e400", 1]}
    condition = {"type": "event_aggregate", "property": "price", "function": "sum", "value": 0}

    assert members(both, {**condition, "operator": "neq"}) == {"u"}
    for operator in ("eq", "lt", "gte"):
        assert members(both, {**condition, "operator": operator}) == set()
