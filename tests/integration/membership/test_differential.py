"""The compiler on ClickHouse and the language's reference give the same members at every edge of the language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from pydantic import JsonValue

from segops_common.stores.clickhouse import ClickHouse
from segops_language import format_instant
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.values.instants import from_ms
from tests.corpus.builders import NOW_MS, count, group, new_tenant
from tests.corpus.cases import SEGMENT
from tests.corpus.instants import DAY_MS
from tests.corpus.scenario import (
    DURATIONS,
    INSTANTS,
    NUMERALS,
    OFFSETS,
    PATHS,
    PATTERNS,
    SCALARS,
    TEXTS,
    USERS,
    WINDOWS,
)
from tests.integration.membership.differential import members_by_sql

VALUES: list[Any] = [
    *SCALARS,
    *([], [None], [5], ["5"], [5.0, "x"], ["pro", None], [[5]], [{"a": 5}], [None, {"a": "pro"}], ["", "é"]),
    *({"a": 5}, {"0": 5}, {"a": {"a": 5}}, {"a.b": 5}, {"a": [1, 5]}, {"0": {"a": "pro"}}, {"b": {"a": 5}}),
    *([True], [False, None]),
    *(
        {},
        {"a": None},
        {"a": {}},
        {"a": {"a": None}},
        {"a": {"b": {}, "c": 1}},
        {"0": {}},
        {"a.b": {}},
        [{}],
        [[]],
        [[{}]],
    ),
    *([{"a": {}}], [{"a": None}], [1, {"a": {}}], {"a": []}, {"a": [{"a": {}}]}, [[], {"a": {"a": {}}}]),
    *([2**64], [-(2**63) - 1], [[2**64]], [1e20, "x"], [{"a": 2**64}], {"0": 2**64}, {"0": [-(2**64)]}, [2**63, 1e300]),
    *(2**64, -(2**63) - 1, 1e20, {"a": 2**65}, {"a": {"0": 10**20}}, ["12345678901234567890,12345678901234567890"]),
]
BEYOND_64_BITS = (2.0**64, -(2.0**63), 1e20)
WANTED = [value for value in SCALARS if value is not None and value != 2**63]
COMPARED = [value for value in WANTED if isinstance(value, int | float) and not isinstance(value, bool)]
STRINGS = [value for value in WANTED if isinstance(value, str)]
TESTS: list[dict[str, Any]] = [
    {"operator": "exists"},
    *({"operator": "eq", "value": value} for value in WANTED),
    *({"operator": "in", "value": WANTED[start::7]} for start in range(7)),
    *({"operator": name, "value": value} for name in ("gt", "gte", "lt", "lte") for value in COMPARED),
    *({"operator": "between", "value": sorted(pair)} for pair in pairwise(COMPARED)),
    *({"operator": "between", "value": [value, value]} for value in COMPARED),
    *({"operator": "contains", "value": value} for value in WANTED),
    *({"operator": name, "value": value} for name in ("eq", "contains", "gte") for value in BEYOND_64_BITS),
    {"operator": "contains", "value": "12345678901234567890,12345678901234567890"},
    *({"operator": name, "value": value} for name in ("starts_with", "ends_with") for value in (*TEXTS, *NUMERALS)),
    *({"operator": "matches", "value": pattern} for pattern in PATTERNS),
    *({"operator": name, "value": instant} for name in ("before", "after") for instant in INSTANTS),
    *({"operator": "within_last", "value": duration} for duration in DURATIONS),
]


@pytest.mark.parametrize(("keys", "path"), [(("a",), "a"), (("k'`", "a"), "k'`.a")])
async def test_every_operator_on_every_value(clickhouse: ClickHouse, keys: tuple[str, ...], path: str) -> None:
    """Once with a property that is a column, and once with a name that is not a safe identifier."""
    events = [Event(f"{i}: {value!r}", "e", f"m{i}", NOW_MS, _nested(keys, value)) for i, value in enumerate(VALUES)]
    tests = [test for test in TESTS if len(keys) == 1 or TESTS.index(test) % 3 == 0]
    definitions = [group(count("e", where=[{"property": path, **test}])) for test in tests]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for test, members, definition in zip(tests, by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), test


@pytest.fixture
async def shared_paths(clickhouse: ClickHouse, clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """The same tables with a table `events` that stores no path of a payload as a column of its own."""
    own, name = clickhouse_url.rpartition("/")[2], f"shared_paths_{new_tenant()}"
    await clickhouse.command(f"CREATE DATABASE {name}")
    identity = ("identity_claims", "identity_claims_by_user", "identity_merges")
    for table in ("events", "profile_seen", "profiles", "static_members", *identity):
        await clickhouse.command(f"CREATE TABLE {name}.{table} AS {own}.{table}")
    await clickhouse.command(f"ALTER TABLE {name}.events MODIFY COLUMN payload JSON(max_dynamic_paths = 0)")
    view = await clickhouse.query(
        "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'profile_seen_from_events'"
    )
    select = str(view.rows[0][0]).replace(f"{own}.", f"{name}.")
    await clickhouse.command(f"CREATE MATERIALIZED VIEW {name}.seen TO {name}.profile_seen AS {select}")
    client = ClickHouse(url=f"{clickhouse_url.rpartition('/')[0]}/{name}")
    yield client
    await client.close()
    await clickhouse.command(f"DROP DATABASE {name} SYNC")


@pytest.mark.one_server
async def test_every_path_that_shares_its_column(shared_paths: ClickHouse) -> None:
    """A payload with many names is stored so."""
    await assert_every_path_is_found(shared_paths, every=3)
    columns = await shared_paths.query("SELECT countDistinctArray(JSONDynamicPaths(payload)) FROM events")
    assert int(columns.rows[0][0]) == 0


async def test_every_path_into_every_shape(clickhouse: ClickHouse) -> None:
    await assert_every_path_is_found(clickhouse)


async def assert_every_path_is_found(clickhouse: ClickHouse, *, every: int = 1) -> None:
    events = [Event(f"{i}: {value!r}", "$identify", f"m{i}", NOW_MS, {"a": value}) for i, value in enumerate(VALUES)]
    paths = [*PATHS, "a.0.b", "a.1.a", "a.0.a.a", "a.b.a", "a.a.1", "a.2", "a.a.a.a", ".".join("a" * 70)]
    tests: list[dict[str, Any]] = [
        {"operator": "exists"},
        {"operator": "eq", "value": 5},
        {"operator": "not_in", "value": ["pro", 5, "5"]},
        {"operator": "contains", "value": 5},
        {"operator": "eq", "value": 2.0**64},
        {"operator": "starts_with", "value": "1"},
    ]
    definitions = [group({"type": "user_property", "property": path, **test}) for path in paths for test in tests]
    definitions = definitions[::every]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition


async def test_every_window_at_its_edges(clickhouse: ClickHouse) -> None:
    """All in one job: its single statement must read as far back as the longest window, and no further than now."""
    events = [
        Event(f"u{i % 4}", event_type, f"{event_type}{i}", NOW_MS + offset, {})
        for i, offset in enumerate(OFFSETS * 2)
        for event_type in ("login", "login_x")
    ]
    for windows in ((None, *WINDOWS), ({"last": "1s"}, {"last": "1d"}), ({"to": "-1d"},)):
        definitions = [
            group(count(event_type, operator, value, **({"window": window} if window else {})))
            for event_type in ("login", "login*", "*")
            for window in windows
            for operator, value in (("eq", 0), ("eq", 1), ("eq", 2), ("gte", 3), ("between", [2, 4]))
        ]

        by_sql = await members_by_sql(clickhouse, [*events, *events[::3]], definitions, NOW_MS)

        assert by_sql == [evaluate(definition, events, NOW_MS, segment_id=SEGMENT) for definition in definitions]


async def test_every_occurrence_at_its_edges(clickhouse: ClickHouse) -> None:
    events = [
        Event(f"u{user}", "login", f"m{step}-{user}-{i}", NOW_MS + OFFSETS[(user * step + i) % len(OFFSETS)], {})
        for step in (1, 3)
        for user in range(10)
        for i in range(user % 3 + 1)
    ]
    instants = [format_instant(from_ms(NOW_MS + at)) for at in (-DAY_MS - 1, -DAY_MS, -DAY_MS + 1, -1, 0, 1, DAY_MS)]
    tests = [
        *((name, instant) for name in ("before", "after") for instant in (*instants, *INSTANTS)),
        *((name, duration) for name in ("within_last", "not_within_last") for duration in DURATIONS),
    ]
    definitions = [
        group({"type": "event_time", "event_type": name, "occurrence": occurrence, "operator": test, "value": value})
        for name in ("login", "none")
        for occurrence in ("first", "last")
        for test, value in tests
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition


async def test_every_sample(clickhouse: ClickHouse) -> None:
    """Use enough profiles for every percentage to divide them, and for no other hash to choose the same ones."""
    events = [Event(f"{user}{i}", "login", f"m{user}{i}", NOW_MS, {}) for user in USERS for i in range(60)]
    definitions = [
        group({"type": "sample", "percent": percent, **seed})
        for percent in (0, 0.00001, 0.3, 4.35, 33.3333, 50, 99.7, 100)
        for seed in ({}, {"seed": "7"}, {"seed": ""}, {"seed": "a:b'\\{p0:String}"}, {"seed": "é"})
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    assert by_sql == [evaluate(definition, events, NOW_MS, segment_id=SEGMENT) for definition in definitions]
    assert by_sql[0] == frozenset()
    assert len(by_sql[-1]) == len(events)


async def test_every_match_of_a_first_or_last_event(clickhouse: ClickHouse) -> None:
    """Break ties by message_id, as bytes; `where` selects before `has` decides."""
    ids = ("Z", "a", "é", "😀", "\uffff", "aa")
    events = [
        Event(f"u{seed}", "login", f"{id}-{seed}", NOW_MS - (seed >> i & 1), {"p": i, "q": (seed + i) % 2})
        for seed in range(64)
        for i, id in enumerate(ids)
        if (seed + i) % 3
    ]
    definitions = [
        group({"type": "event_match", "event_type": name, "occurrence": occurrence, "has": has, "where": where})
        for name in ("login", "log*", "none")
        for occurrence in ("first", "last")
        for where in ([], [{"property": "q", "operator": "eq", "value": 1}])
        for has in (
            *([{"property": "p", "operator": "eq", "value": i}] for i in range(len(ids))),
            [{"property": "p", "operator": "neq", "value": 1}, {"property": "q", "operator": "eq", "value": 0}],
            [{"property": "missing", "operator": "not_exists"}],
        )
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition


async def test_every_regularity_at_its_edges(clickhouse: ClickHouse) -> None:
    """Put each event on an edge of days back from now, or one millisecond away from it."""
    edges = [-day * DAY_MS + beside for day in (0, 1, 2, 3, 60) for beside in (-1, 0, 1)]
    events = [
        Event(f"u{user}", "login", f"m{user}-{i}", NOW_MS + at, {})
        for user in range(40)
        for i, at in enumerate(edges * 2)
        if (user * 7 + i * i) % 5 < 1 + user % 3
    ]
    definitions = [
        group({"type": "event_regularity", "event_type": name, "period": period, "of": of, "at_least": least, **more})
        for name in ("login", "lo*", "none")
        for period in ("1d", "2d", "36525d")
        for of in (1, 2, 3, 60)
        for least in (0, 1, 2, 3, 4)
        for more in ({}, {"count": 0}, {"count": 2})
    ]

    by_sql = await members_by_sql(clickhouse, events, definitions, NOW_MS)

    for members, definition in zip(by_sql, definitions, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=SEGMENT), definition


HISTORIES: dict[str, list[tuple[int, str, dict[str, JsonValue]]]] = {
    "set": [(-9, "a", {"plan": "pro"})],
    "removed": [(-9, "a", {"plan": "pro"}), (-8, "b", {"plan": None})],
    "set again": [(-9, "a", {"plan": "pro"}), (-8, "b", {"plan": None}), (-7, "c", {"plan": "pro"})],
    "removed before, arrived after": [(-8, "b", {"plan": "pro"}), (-9, "a", {"plan": None})],
    "removed in the future": [(-9, "a", {"plan": "pro"}), (1, "b", {"plan": None})],
    "removed now": [(-9, "a", {"plan": "pro"}), (0, "b", {"plan": None})],
    "tie, larger removes": [(-9, "a", {"plan": "pro"}), (-9, "b", {"plan": None})],
    "tie, smaller removes": [(-9, "b", {"plan": "pro"}), (-9, "a", {"plan": None})],
    "tie, as bytes": [(-9, "Z", {"plan": "free"}), (-9, "a", {"plan": "pro"}), (-9, "\u00e9", {"plan": 5})],
    "other key later": [(-9, "a", {"plan": "pro"}), (-8, "b", {"other": 1})],
    "object over text": [(-9, "a", {"plan": "pro"}), (-8, "b", {"plan": {"city": "pro"}})],
    "text over object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": "pro"})],
    "object over object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": {"zip": "1"}})],
    "array over text": [(-9, "a", {"plan": "pro"}), (-8, "b", {"plan": ["pro"]})],
    "empty object over object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": {}})],
    "object of null over object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": {"city": None}})],
    "empty objects over object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": {"city": {}}})],
    "empty object over text": [(-9, "a", {"plan": "pro"}), (-8, "b", {"plan": {}})],
    "text over empty object": [(-9, "a", {"plan": {}}), (-8, "b", {"plan": "pro"})],
    "empty array over array": [(-9, "a", {"plan": ["pro"]}), (-8, "b", {"plan": []})],
    "removed empty object": [(-9, "a", {"plan": {}}), (-8, "b", {"plan": None})],
    "removed object": [(-9, "a", {"plan": {"city": "pro"}}), (-8, "b", {"plan": None})],
    "delivered twice": [(-9, "a", {"plan": "pro"}), (-9, "a", {"plan": "pro"}), (-8, "b", {"plan": 5})],
}


async def test_traits_are_what_they_were_then(clickhouse: ClickHouse) -> None:
    events = [
        Event(name, "$identify", f"{id}-{name}", NOW_MS + at, payload)
        for name, history in HISTORIES.items()
        for at, id, payload in history
    ]
    definitions = [
        group({"type": "user_property", "property": path, **test})
        for path in ("plan", "plan.city", "plan.0", "other")
        for test in (
            {"operator": "exists"},
            {"operator": "eq", "value": "pro"},
            {"operator": "not_in", "value": ["pro", 5]},
            {"operator": "exists", "held_for": {"operator": "gte", "duration": "1s"}},
        )
    ]
    for as_of_ms in (NOW_MS, NOW_MS + 992, NOW_MS - 8, NOW_MS - 9, NOW_MS - 10):
        by_sql = await members_by_sql(clickhouse, events, definitions, as_of_ms)

        assert by_sql == [evaluate(definition, events, as_of_ms, segment_id=SEGMENT) for definition in definitions]


def _nested(keys: tuple[str, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value
