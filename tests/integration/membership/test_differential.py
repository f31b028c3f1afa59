"""The compiler on ClickHouse and the evaluator in Python give every definition the same members in every world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segops_common.contracts.definition import Group
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.domain.algebra import members
from segops_membership.domain.compiler import compile_definition
from segops_membership.domain.evaluate import Event, evaluate
from segops_membership.domain.plan import atoms_of
from tests.integration.membership.stack import NOW_MS, count, group, insert_events, new_tenant
from tests.integration.membership.worlds import (
    DURATIONS,
    INSTANTS,
    NUMERALS,
    PATHS,
    PATTERNS,
    SCALARS,
    TEXTS,
    World,
)

WORLDS = 25
DEFINITIONS = 15
"""Of each world: about 15 s in all."""


@pytest.fixture(scope="session")
async def clickhouse(migrated: None, clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """One client for all worlds."""
    clickhouse = ClickHouse(url=clickhouse_url)
    yield clickhouse
    await clickhouse.close()


async def members_by_sql(
    clickhouse: ClickHouse, events: Sequence[Event], wanted: Sequence[Group], as_of_ms: int
) -> list[frozenset[str]]:
    """Members as a worker finds them, all definitions in one job, in a tenant of their own."""
    tenant = new_tenant()
    await insert_events(clickhouse, [(tenant, each) for each in events])
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    await profiles.number(tenant, 1000, await profiles.unnumbered(tenant), 1)
    rows = await clickhouse.query(
        "SELECT n, user_id FROM profiles FINAL WHERE tenant_id = {t:UInt64}", {"t": tenant}
    )
    names = {int(n): str(user_id) for n, user_id in rows.rows}
    expressions = [compile_definition(each, as_of_ms) for each in wanted]
    atoms = frozenset().union(*(atoms_of(each) for each in expressions))
    answers = await ClickHouseEvaluation(clickhouse=clickhouse).answer(tenant, atoms, as_of_ms)
    found = [members(each, answers.atoms, answers.universe) for each in expressions]
    return [frozenset(names[n] for n in each) for each in found]


@settings(
    max_examples=WORLDS,
    deadline=None,
    derandomize=True,
    database=None,
    # A world is made from one seed, which has nothing to shrink.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
async def test_sql_and_python_agree(clickhouse: ClickHouse, random: Random) -> None:
    world = World(random)
    wanted = [world.definition() for _ in range(DEFINITIONS)]

    by_sql = await members_by_sql(clickhouse, world.events, wanted, NOW_MS)

    by_python = [evaluate(each, world.events, NOW_MS) for each in wanted]
    differing = [each for each, left, right in zip(wanted, by_sql, by_python, strict=True) if left != right]
    assert by_sql == by_python, (differing, world.events)


VALUES: list[Any] = [
    *SCALARS,
    *([], [None], [5], ["5"], [5.0, "x"], ["pro", None], [[5]], [{"a": 5}], [None, {"a": "pro"}], ["", "é"]),
    *({"a": 5}, {"0": 5}, {"a": {"a": 5}}, {"a.b": 5}, {"a": [1, 5]}, {"0": {"a": "pro"}}, {"b": {"a": 5}}),
    *([True], [False, None]),
]
WANTED = [each for each in SCALARS if each is not None and each != 2**63]
COMPARED = [each for each in WANTED if isinstance(each, int | float) and not isinstance(each, bool)]
STRINGS = [each for each in WANTED if isinstance(each, str)]
TESTS: list[dict[str, Any]] = [
    {"operator": "exists"},
    *({"operator": "eq", "value": each} for each in WANTED),
    *({"operator": "in", "value": WANTED[start::7]} for start in range(7)),
    *({"operator": name, "value": each} for name in ("gt", "gte", "lt", "lte") for each in COMPARED),
    *({"operator": "between", "value": sorted(pair)} for pair in pairwise(COMPARED)),
    *({"operator": "between", "value": [each, each]} for each in COMPARED),
    *({"operator": "contains", "value": each} for each in WANTED),
    *({"operator": name, "value": each} for name in ("starts_with", "ends_with") for each in (*TEXTS, *NUMERALS)),
    *({"operator": "matches", "value": each} for each in PATTERNS),
    *({"operator": name, "value": each} for name in ("before", "after") for each in INSTANTS),
    *({"operator": "within_last", "value": each} for each in DURATIONS),
]


@pytest.mark.parametrize(("keys", "path"), [(("a",), "a"), (("k'`", "a"), "k'`.a")])
async def test_every_operator_on_every_value(clickhouse: ClickHouse, keys: tuple[str, ...], path: str) -> None:
    """Once where the property is a column of its own, and once where its name is no safe identifier."""
    events = [
        Event(f"{i}: {value!r}", "e", f"m{i}", NOW_MS, _nested(keys, value)) for i, value in enumerate(VALUES)
    ]
    tests = [test for test in TESTS if len(keys) == 1 or TESTS.index(test) % 3 == 0]
    wanted = [group(count("e", where=[{"property": path, **test}])) for test in tests]

    by_sql = await members_by_sql(clickhouse, events, wanted, NOW_MS)

    for test, found, each in zip(tests, by_sql, wanted, strict=True):
        assert found == evaluate(each, events, NOW_MS), test


async def test_every_path_into_every_shape(clickhouse: ClickHouse) -> None:
    events = [
        Event(f"{i}: {value!r}", "$identify", f"m{i}", NOW_MS, {"a": value}) for i, value in enumerate(VALUES)
    ]
    paths = [*PATHS, "a.0.b", "a.1.a", "a.0.a.a", "a.b.a", "a.a.1", "a.2", "a.a.a.a", ".".join("a" * 70)]
    tests: list[dict[str, Any]] = [
        {"operator": "exists"},
        {"operator": "eq", "value": 5},
        {"operator": "not_in", "value": ["pro", 5, "5"]},
        {"operator": "contains", "value": 5},
    ]
    wanted = [group({"type": "user_property", "property": path, **test}) for path in paths for test in tests]

    by_sql = await members_by_sql(clickhouse, events, wanted, NOW_MS)

    for found, each in zip(by_sql, wanted, strict=True):
        assert found == evaluate(each, events, NOW_MS), each


def _nested(keys: tuple[str, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value
