"""Sequences with many events of one time, and held traits with values that are nearly equal."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pydantic import JsonValue

from segops_common.stores.clickhouse import ClickHouse
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_membership.sql.parameters import WAREHOUSE_MIN_MS
from tests.corpus.builders import NOW_MS, group
from tests.corpus.cases import SEGMENT
from tests.integration.membership.differential import members_by_sql

_EVENT_TYPES = ("a", "b", "ab", "abc", "$page")
_PATTERNS = ("a", "b", "a*", "*", "ab*", "$page")
_AGES_MS = (0, 1, 2, 999, 1000, 1001, 2000, 2001, 86_400_000)


async def test_every_chain_of_crowded_times(clickhouse: ClickHouse) -> None:
    """With prefixes an event can be several steps, most profiles have several events of one time, and some came twice."""
    random = Random(5)
    pick = random.choice
    made = [
        Event(f"u{user}", pick(_EVENT_TYPES), pick("mMz"), NOW_MS - pick(_AGES_MS), {}, pick((0, 0, 1, 256)))
        for user in range(800)
        for _ in range(random.randint(0, 9))
    ]
    fresh = list({(event.profile_id, event.identity): event for event in made}.values())
    events = fresh + random.sample(fresh, 200)
    definitions = [
        group(
            {
                "type": "event_sequence",
                "steps": [{"event_type": pick(_PATTERNS)} for _ in range(pick((2, 2, 3, 3, 4, 5, 8)))],
                "within": f"{pick((0, 1, 1, 2, 86_400))}s",
            }
        )
        for _ in range(30)
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition
    assert sum(len(members) > 0 for members in by_sql) > 15


async def test_a_sequence_over_a_century(clickhouse: ClickHouse) -> None:
    """Including times long before 1970, where milliseconds are negative."""
    century = 36_525 * 86_400_000
    ages_ms = {"just": 1000, "late": 1001, "a century": century, "more": century + 1}
    first_ms = {**{name: NOW_MS - age for name, age in ages_ms.items()}, "1900": WAREHOUSE_MIN_MS}
    events = [
        Event(name, event_type, f"{name} {event_type}", at, {})
        for name, first in first_ms.items()
        for event_type, at in (("a", first), ("b", first + 999), ("c", NOW_MS))
    ]
    definitions = [
        group(
            {"type": "event_sequence", "steps": [{"event_type": event_type} for event_type in steps], "within": within}
        )
        for steps in ("ab", "ac", "abc", "cb")
        for within in ("0s", "1s", "36525d")
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    assert by_sql == [evaluate(definition, events, NOW_MS, segment_id=SEGMENT) for definition in definitions]
    assert by_sql[1] == frozenset(first_ms)
    assert by_sql[5] == {"just", "late", "a century"}


# An array of nulls alone is left out: next to others, the warehouse may store it as one of empty arrays.
_NEARLY_EQUAL: list[Any] = [
    *(
        5,
        5.0,
        "5",
        "5.0",
        True,
        "true",
        1,
        1.0,
        False,
        0,
        0.0,
        -0.0,
        "",
        None,
        2**53,
        2**53 + 1,
        float(2**53),
        2**63 - 1,
    ),
    *([], [[]], [{}], [5], [5.0], ["5"], [5, 5.5], [5.0, 5.0], [None, 1], [True], [1], [0.0], [-0.0], ["a", "b"]),
    *(["b", "a"], [2**53, 1], [2**53 + 1, 1], [True, 1], [1, 1], [1, "x"], ["x", 1], ["1,2"], ["1", "2"], ["5.0"]),
    *([{"a": 1, "b": 2}], [{"b": 2, "a": 1.0}], [{"a": [1, {"b": -0.0}]}], [{"a": [1.0, {"b": 0}]}]),
    *({"a": 5}, {"a": 5.0}, {"a": "5"}, {"a": 5, "b": 1}, {"b": 1, "a": 5}, {"a": 5, "b": None}, {"a": {"b": 5}}),
    *({"a.b": 5}, {"a": {"b": 5.0}}, {"a": [1, 5]}, {"a": [1.0, 5]}, {"a": True}, {"a": 1}, {"a": 2**53}),
    *({"a": 2**53 + 1}, {"a": '\\"[1.0,-0]'}, {"a": '\\"[1,0]'}, {"k'`": 1e300}, {"é\n": "\u2028"}),
]


@pytest.mark.parametrize("keys", [("p",), ("p", "q"), ("p", "q'`"), ("p", "0")])
async def test_every_value_after_every_other(clickhouse: ClickHouse, keys: tuple[str, ...]) -> None:
    """The time that a value was held restarts exactly when the second value differs from the first."""
    events = [
        Event(f"{one!r} then {other!r}", "$identify", f"{id}{i}-{j}", NOW_MS + at, _at(keys, value))
        for i, one in enumerate(_NEARLY_EQUAL)
        for j, other in enumerate(_NEARLY_EQUAL)
        for id, at, value in (("a", -5000, one), ("b", -2000, other))
    ]
    definitions = [
        group({"type": "user_property", "property": path, **test, "held_for": {"operator": operator, "duration": age}})
        for path in {".".join(keys), "p"}
        for test in ({"operator": "exists"}, {"operator": "neq", "value": 5})
        for operator, age in (("gte", "5s"), ("gte", "6s"), ("gte", "2s"), ("lt", "5s"))
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition


def _at(keys: tuple[str, ...], value: JsonValue) -> Any:
    """Return the value at the keys, with another trait and another key around it; digits are the index of an array."""
    first, *inner = keys
    for key in reversed(inner):
        value = [value, "z"] if key == "0" else {key: value, "z": 1}
    return {first: value, "other": "x"}
