"""Sums, means and counts of values at the edges of doubles: SQL and Python must agree to the last bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from random import Random
from typing import Any

import pytest
from pydantic import JsonValue

from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.conditions import AggregateFunction
from segops_language.conditions.aggregate import aggregate
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from tests.corpus.builders import NOW_MS, group
from tests.corpus.cases import SEGMENT
from tests.corpus.values import FUNCTIONS, OPERATORS
from tests.integration.membership.differential import members_by_sql

MAX = 1.7976931348623157e308
LEAST = 5e-324
LISTS: dict[str, list[JsonValue]] = {
    "cents": [19.99, 0.01, 0.1, 0.2, 0.3, 1e9 + 0.01, -4.35],
    "whole": [1, 2, 3.0, 2**53, 2**53 + 1, 2**53 + 2, -(2**63), 2**62],
    "halves to even": [2**53, 1],
    "halves to even, up": [2**53 + 2, 1],
    "a trace above a half": [2**53, 1, LEAST],
    "a trace below a half": [2**53, 1, -LEAST],
    "what one order loses": [1e16, 1, -1e16],
    "cancels": [1e300, 1, -1e300],
    "cancels to a trace": [MAX, LEAST, -MAX],
    "the least": [LEAST, LEAST, -LEAST],
    "half of the least": [LEAST, 0],
    "minus half of the least": [-LEAST, 0],
    "a third of the least": [LEAST, 0, 0],
    "odd halves of the least": [3 * LEAST, 0],
    "subnormal to normal": [2.2250738585072014e-308, -LEAST],
    "over the top and back": [MAX, MAX, -MAX],
    "over the top": [MAX, MAX],
    "just not over the top": [MAX, 9.9e291],
    "at the top": [MAX, 2.0**970],
    "under the bottom": [-MAX, -1e300, -MAX],
    "infinite": ["1e400", 5, -MAX],
    "minus infinite": ["-1e400", "1e5"],
    "both": ["1e400", 1, "-1e400", "1e400"],
    "zeros": [-0.0, 0.0, 0],
    "minus zero": [-0.0],
    "smaller than the units": [0.0001, 1e-20, 1e-5, 3e-30],
    "units and more": [2.0**-62, 2.0**-63, -(2.0**-64), 2.0**62, 2.0**63],
    "all windows": [*(2.0**at * 1.7 for at in range(-1070, 1020, 37)), *(-(2.0**at) for at in range(-1000, 1000, 91))],
    "numerals": [
        "5",
        "-0",
        "1e3",
        "0.1000000000000000055511151231257827",
        "9007199254740993",
        "05",
        " 5",
        "NaN",
        "0x5",
    ],
    "one numeral": ["1e-400"],
    "no numbers": [True, False, None, "x", [5], {"a": 5}],
    "none": [],
    "scalars": [5, 5.0, "5", True, 1, "true", False, 0, -0.0, None, [5], "aaaaaaaa", 1.2217638442043777e161, "é"],
}


def events_of(lists: dict[str, list[JsonValue]], random: Random) -> list[Event]:
    """Return events for one profile per list; every profile also has an event of another type."""
    events = [Event(name, "other", f"other {name}", NOW_MS, {}) for name in lists]
    events += [
        Event(name, "buy", f"{name} {i}", NOW_MS - random.randrange(9), {"p": value, "where": i % 2})
        for name, values in lists.items()
        for i, value in enumerate(values)
    ]
    random.shuffle(events)
    return events


def near(value: float | None) -> list[float]:
    """Return finite thresholds: the value, its two neighbouring doubles, and the ends."""
    if value is None or math.isnan(value):
        return [0.0]
    thresholds = (value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), MAX, -MAX)
    return [threshold for threshold in thresholds if math.isfinite(threshold)]


def asking(function: str, operator: str, value: Any, **more: Any) -> Group:
    condition = {"type": "event_aggregate", "event_type": "buy", "property": "p", "function": function}
    return group({**condition, "operator": operator, "value": value, **more})


async def assert_agreement(clickhouse: ClickHouse, events: Sequence[Event], definitions: Sequence[Group]) -> None:
    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)
    for members, definition in zip(by_sql, definitions, strict=True):
        expected = evaluate(definition, events, NOW_MS, segment_id=SEGMENT)
        assert members == expected, (definition, members ^ expected)


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_every_aggregate_to_the_last_bit(clickhouse: ClickHouse, function: AggregateFunction) -> None:
    bounds = {bound: None for values in LISTS.values() for bound in near(aggregate(function, values))}
    bounds |= {0.0: None, LEAST: None, -LEAST: None}
    definitions = [asking(function, name, bound) for bound in bounds for name in OPERATORS if name != "between"]
    definitions += [asking(function, "between", sorted((a, b))) for a, b in list(combinations(bounds, 2))[::23]]
    definitions += [asking(function, "eq", 0, where=[{"property": "where", "operator": "eq", "value": 1}])]

    await assert_agreement(clickhouse, events_of(LISTS, Random(1)), definitions)


async def test_random_sums_of_all_magnitudes(clickhouse: ClickHouse) -> None:
    random = Random(2)
    lists: dict[str, list[JsonValue]] = {
        f"{spread} {i}": [
            math.ldexp(random.uniform(-1, 1), random.randint(-spread, spread)) for _ in range(random.randint(1, 9))
        ]
        for spread in (0, 3, 60, 120, 1020)
        for i in range(8)
    }
    functions: tuple[AggregateFunction, ...] = ("sum", "avg")
    bounds = [
        (function, bound)
        for i, values in enumerate(lists.values())
        for function in functions[i % 2 :][:1]
        for bound in near(aggregate(function, values))[:3]
    ]
    definitions = [asking(function, name, bound) for function, bound in bounds for name in ("eq", "gte")]

    await assert_agreement(clickhouse, events_of(lists, random), definitions)


async def test_every_count_of_a_value(clickhouse: ClickHouse) -> None:
    """Count scalars that are nearly equal, among values that are not scalars."""
    alphabet: list[JsonValue] = [5, 5.0, "5", True, 1, "true", 0, -0.0, False, None, [5], {"a": 5}, "", "é"]
    random = Random(3)
    lists = {f"u{i}": [random.choice(alphabet[i % 7 :]) for _ in range(i % 9)] for i in range(60)}
    definitions = [
        group({"type": "event_count", "event_type": name, "operator": operator, "value": value, "per": path})
        for name in ("buy", "b*", "none")
        for path in ("p", "p.0", "p.a", "missing")
        for operator in OPERATORS
        for value in (-1, 0, 0.5, 1, 1.5, 2, 3)
        if operator != "between"
    ]
    definitions += [
        group({"type": "event_count", "event_type": "buy", "operator": "between", "value": ends, "per": "p"})
        for ends in ([0, 0], [0, 1], [1, 1], [2, 3], [2.1, 2.9], [-3, -1], [3, 90])
    ]

    await assert_agreement(clickhouse, events_of(lists, random), definitions)
