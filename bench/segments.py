"""Evaluation of segments: against scans that only read the columns concerned, and against the query shapes of others.

By the clock, through the client and the adapters of the product, from definitions to members; publishing is not part of
it. The scans aggregate each column to one value, without grouping: the least that reading it can cost. The others'
shapes (see `harness.peers`) have their own copy of the same events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import mean
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.harness import peers
from bench.harness.analysis import explain_on, previews_on
from bench.harness.engines import folder, postgres, warehouse
from bench.harness.history import AS_OF, AS_OF_MS, DAYS, SHARES, TENANT, generate, users_of
from bench.harness.memory import growth_mib
from bench.harness.pairs import in_turn, milliseconds
from bench.harness.peers import Did
from bench.report import Budget, Ratio, at_least, at_most
from segops_common.contracts.definition import Group
from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.evaluation import STATEMENTS_OF_A_RUN, ClickHouseEvaluation
from segops_membership.domain.algebra import members
from segops_membership.domain.compiler import compile_definition
from segops_membership.domain.plan import Expression, atoms_of

EVENTS: Final = 2_000_000
ROUNDS: Final = 5
JOB_ROUNDS: Final = 3
JOB_SEGMENTS: Final = 200
SAMPLED_ALONE: Final = 20
SEGMENT: Final = 1
MEMORY_BYTES: Final = 512 * 1024**2
_DAY_MS: Final = 86_400_000
_SINCE_MS: Final = AS_OF_MS - 30 * _DAY_MS
_WINDOW: Final = {"window": {"last": "30d"}}
_PRICED: Final = {"where": [{"property": "price", "operator": "gte", "value": 100}]}


def condition(event_type: str, value: int, **more: Any) -> dict[str, Any]:
    """At least so many events of a type."""
    return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": value, **more}


def segment(*conditions: dict[str, Any], logic: str = "AND") -> Group:
    """A definition in which all conditions hold."""
    return Group.model_validate({"logic": logic, "conditions": list(conditions)})


def scan(columns: str, *event_types: str, since_ms: int | None = None) -> str:
    """A bare read of the columns, beside those that every condition on events needs."""
    return f"SELECT sum(user_key), max(timestamp){columns} FROM {_events(event_types, since_ms)}"


def counted(*event_types: str, since_ms: int | None = None) -> str:
    """The least that telling users apart can cost: how many have at least one of the events."""
    until = f" AND timestamp <= fromUnixTimestamp64Milli({AS_OF_MS}, 'UTC')"
    each = f"SELECT user_key, count() AS events FROM {_events(event_types, since_ms)}{until} GROUP BY user_key"
    return f"SELECT countIf(events >= 1) FROM ({each})"


def _events(event_types: Sequence[str], since_ms: int | None) -> str:
    types = ", ".join(f"'{name}'" for name in event_types)
    since = "" if since_ms is None else f" AND timestamp > fromUnixTimestamp64Milli({since_ms}, 'UTC')"
    return f"{EVENTS_TABLE} WHERE tenant_id = {TENANT} AND event_type IN ({types}){since}"


@dataclass(frozen=True, slots=True)
class Case:
    """A segment, how others ask for it, and the least that reading its data and telling its users apart costs."""

    name: str
    definition: Group
    peer: str
    scan: str | None = None
    budget: Budget | None = None
    counted: str | None = None


_PRICE: Final = ", sum(payload.price.:`Float64`)"
_SIX: Final = (
    condition("page_viewed", 5, **_WINDOW),
    condition("search", 2, **_WINDOW),
    condition("purchase", 1, **_PRICED),
    condition("login", 3),
    condition("export", 1),
    condition("invite", 1),
)
_SIX_AT_OTHERS: Final = (
    Did("page_viewed", _SINCE_MS),
    Did("search", _SINCE_MS),
    Did("purchase", None, "JSONExtractFloat(properties, 'price') >= 100"),
    Did("login"),
    Did("export"),
    Did("invite"),
)

CASES: Final = (
    Case(
        "count",
        segment(condition("page_viewed", 3)),
        peers.query_of([Did("page_viewed")], "c0 >= 3"),
        scan("", "page_viewed"),
        at_most(1.5),
        counted("page_viewed"),
    ),
    Case(
        "count in a window",
        segment(condition("page_viewed", 3, **_WINDOW)),
        peers.query_of([Did("page_viewed", _SINCE_MS)], "c0 >= 3"),
        scan("", "page_viewed", since_ms=_SINCE_MS),
        at_most(1.5),
        counted("page_viewed", since_ms=_SINCE_MS),
    ),
    Case(
        "payload filter",
        segment(condition("purchase", 1, **_PRICED)),
        peers.query_of([Did("purchase", None, "JSONExtractFloat(properties, 'price') >= 100")], "c0 >= 1"),
        scan(_PRICE, "purchase"),
        at_most(1.5),
        counted("purchase"),
    ),
    Case(
        "trait",
        segment({"type": "user_property", "property": "plan", "operator": "eq", "value": "team"}),
        peers.trait_query("plan", "team"),
        scan(", max(payload.plan.:`String`)", "$identify"),
    ),
    Case(
        "six nested conditions",
        segment(
            segment(_SIX[0], _SIX[1]).model_dump(mode="json"),
            segment(*_SIX[2:4], logic="OR").model_dump(mode="json"),
            segment(*_SIX[4:6], logic="OR").model_dump(mode="json"),
        ),
        peers.query_of(_SIX_AT_OTHERS, "c0 >= 5 AND c1 >= 2 AND (c2 >= 1 OR c3 >= 3) AND (c4 >= 1 OR c5 >= 1)"),
    ),
    Case(
        "negative only",
        segment({"type": "event_count", "event_type": "purchase", "operator": "eq", "value": 0}),
        peers.never_query(Did("purchase")),
        scan("", "purchase"),
    ),
    Case(
        "sequence",
        segment(
            {
                "type": "event_sequence",
                "steps": [{"event_type": "search"}, {"event_type": "purchase"}],
                "within": "7d",
            }
        ),
        peers.sequence_query(["search", "purchase"], 7 * _DAY_MS),
        scan("", "search", "purchase"),
        at_most(5),
        counted("search", "purchase"),
    ),
    Case(
        "sum",
        segment(
            {
                "type": "event_aggregate",
                "event_type": "purchase",
                "property": "price",
                "function": "sum",
                "operator": "gte",
                "value": 500,
            }
        ),
        peers.sum_query("purchase", "price", 500),
        scan(_PRICE, "purchase"),
        at_most(2),
        counted("purchase"),
    ),
)


def parts_of(number: int) -> list[dict[str, Any]]:
    """The conditions of one of many segments as tenants have them, no two alike: one to three counts."""
    return [_part(number, part) for part in range(1 + number % 3)]


def _part(number: int, part: int) -> dict[str, Any]:
    event_type, least = list(SHARES)[(number * 7 + part) % len(SHARES)], 1 + number % 7
    if number % 5 == 0 and part == 0:
        return condition(event_type, least, where=[{"property": "price", "operator": "gte", "value": number}])
    return condition(event_type, least, window={"last": f"{1 + (number * 37 + part) % (DAYS * 24)}h"})


MANY: Final = tuple(segment(*parts_of(number)) for number in range(JOB_SEGMENTS))
MANY_AT_OTHERS: Final = tuple(peers.query_of_definition(parts_of(number)) for number in range(JOB_SEGMENTS))


def compiled(definition: Group, segment_id: int) -> Expression:
    """The definition at the instant of the benchmark."""
    return compile_definition(definition, AS_OF_MS, segment_id=segment_id)


async def evaluate(evaluation: ClickHouseEvaluation, definitions: Sequence[Group]) -> list[int]:
    """What a job does from definitions to members, whose numbers are given."""
    expressions = [compiled(definition, number) for number, definition in enumerate(definitions, SEGMENT)]
    atoms = frozenset().union(*(atoms_of(expression) for expression in expressions))
    answers = await evaluation.answer(TENANT, atoms, AS_OF_MS)
    return [len(members(expression, answers.atoms, answers.universe)) for expression in expressions]


async def ask(clickhouse: ClickHouse, sql: str) -> int:
    """The single number that a query answers."""
    found = await clickhouse.query(sql, timeout_s=1_800)
    return int(found.rows[0][0])


@asynccontextmanager
async def histories(events: int) -> AsyncIterator[tuple[ClickHouse, AsyncEngine]]:
    """A warehouse with so many generated events, in the product's layout and in the others', and a PostgreSQL."""
    with folder() as state:
        async with warehouse(state) as clickhouse, postgres(state) as engine:
            await generate(clickhouse, events)
            await peers.copy(clickhouse)
            yield clickhouse, engine


async def run(events: int = EVENTS) -> list[Ratio]:
    """On so many generated events of one tenant."""
    async with histories(events) as (clickhouse, engine):
        return await measure(clickhouse, engine, events)


async def measure(clickhouse: ClickHouse, engine: AsyncEngine, events: int) -> list[Ratio]:
    """On a warehouse that has them."""
    found = [ratio for case in CASES for ratio in await _alone(clickhouse, case)]
    found += await _together(clickhouse)
    found += await _algebra(clickhouse)
    found.append(await _memory(clickhouse))
    return [*found, await _edit(clickhouse, engine), await _explained(clickhouse, engine, users_of(events))]


async def _alone(clickhouse: ClickHouse, case: Case) -> list[Ratio]:
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    ours, theirs = (await evaluate(evaluation, [case.definition]))[0], await ask(clickhouse, case.peer)
    if ours != theirs:
        raise RuntimeError(f"{case.name}: {ours} members, but {theirs} in the other shape")
    asked: list[Callable[[], Awaitable[object]]] = [
        partial(evaluate, evaluation, [case.definition]),
        partial(ask, clickhouse, case.peer),
    ]
    baselines = [(name, sql, budget) for name, sql, budget in _baselines(case) if sql is not None]
    asked += [partial(clickhouse.query, sql, timeout_s=600) for _, sql, _ in baselines]
    times = await in_turn(ROUNDS, *(partial(milliseconds, each) for each in asked))
    bare = [
        Ratio(case.name, name, times[0], each, "ms", budget)
        for (name, _, budget), each in zip(baselines, times[2:], strict=True)
    ]
    return [*bare, Ratio(f"{case.name} in the others' shape", "ours", times[1], times[0], "ms")]


def _baselines(case: Case) -> list[tuple[str, str | None, Budget | None]]:
    return [
        ("bare scan of its columns", case.scan, case.budget),
        ("its events counted by user", case.counted, None),
    ]


async def _together(clickhouse: ClickHouse) -> list[Ratio]:
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    step = JOB_SEGMENTS // SAMPLED_ALONE

    async def together() -> float:
        return await milliseconds(partial(evaluate, evaluation, MANY))

    async def alone() -> float:
        return mean([await milliseconds(partial(evaluate, evaluation, [each])) for each in MANY[::step]])

    async def others() -> float:
        sampled = [await milliseconds(partial(ask, clickhouse, each)) for each in MANY_AT_OTHERS[::step]]
        return mean(sampled) * JOB_SEGMENTS

    job, single, one_by_one = await in_turn(JOB_ROUNDS, together, alone, others)
    name = f"{JOB_SEGMENTS} segments in one job"
    sampled = f"{JOB_SEGMENTS} queries in the others' shape, from the mean of {SAMPLED_ALONE}"
    return [
        Ratio(name, "mean of one alone", job, single, "ms", at_most(40)),
        Ratio(sampled, name, one_by_one, job, "ms", at_least(20)),
    ]


async def _algebra(clickhouse: ClickHouse) -> list[Ratio]:
    """What combining the answers and comparing with members of before is of a job."""
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    expressions = [compiled(definition, number) for number, definition in enumerate(MANY, SEGMENT)]
    atoms = frozenset().union(*(atoms_of(expression) for expression in expressions))
    answers = await evaluation.answer(TENANT, atoms, AS_OF_MS)
    before = [members(expression, answers.atoms, answers.universe) for expression in expressions]

    async def combine() -> None:
        for expression, old in zip(expressions, reversed(before), strict=True):
            new = members(expression, answers.atoms, answers.universe)
            _ = new - old, old - new

    parts, whole = await in_turn(
        JOB_ROUNDS, partial(milliseconds, combine), partial(milliseconds, partial(evaluate, evaluation, MANY))
    )
    name = f"algebra and comparison of {JOB_SEGMENTS} segments"
    return [Ratio(name, "the job that they are part of", parts, whole, "ms", at_most(0.02))]


async def _memory(clickhouse: ClickHouse) -> Ratio:
    """How much larger the warehouse is at most while it answers a job, against what its statements may take."""
    bounded = ClickHouseEvaluation(clickhouse=clickhouse, memory_bytes=MEMORY_BYTES)
    grown = [await growth_mib(clickhouse, partial(evaluate, bounded, MANY)) for _ in range(JOB_ROUNDS)]
    allowed = [MEMORY_BYTES / 1024**2 * STATEMENTS_OF_A_RUN] * JOB_ROUNDS
    return Ratio("peak memory of that job", "its setting for each statement at once", grown, allowed, "MiB", at_most(1))


async def _edit(clickhouse: ClickHouse, engine: AsyncEngine) -> Ratio:
    """A preview after one of six conditions was changed, against the first one."""
    asked = await previews_on(clickhouse, engine)
    fresh = iter(range(1, 1_000_000))

    async def preview(*conditions: dict[str, Any]) -> float:
        definition = segment(*conditions)
        return await milliseconds(partial(asked.preview, TENANT, definition, segment_id=None, as_of=AS_OF))

    async def edited() -> float:
        return await preview(*_SIX[:5], condition("invite", next(fresh) + 1))

    async def first() -> float:
        others = await previews_on(clickhouse, engine)
        return await milliseconds(partial(others.preview, TENANT, segment(*_SIX), segment_id=None, as_of=AS_OF))

    await preview(*_SIX)
    ours, theirs = await in_turn(ROUNDS, edited, first)
    return Ratio(
        "a preview after an edit of one of six conditions (aim: under a second)", "the first one", ours, theirs, "ms"
    )


async def _explained(clickhouse: ClickHouse, engine: AsyncEngine, users: int) -> Ratio:
    """The slowest of twenty explanations of six conditions, so the 95th percentile, against one empty query."""
    asked = explain_on(clickhouse, engine)
    names = (f"user-{number * 7919 % users}" for number in count())

    async def slowest() -> float:
        times = []
        for _ in range(20):
            explain = partial(
                asked.explain, TENANT, next(names), segment_id=None, definition=segment(*_SIX), as_of=AS_OF
            )
            times.append(await milliseconds(explain))
        return sorted(times)[18]

    ours, theirs = await in_turn(ROUNDS, slowest, partial(milliseconds, partial(clickhouse.query, "SELECT 1")))
    return Ratio("95 % of explanations (aim: under 100 ms)", "`SELECT 1` on the same warehouse", ours, theirs, "ms")
