"""Evaluates segments, compared with counting the same events by user and with the queries of other products.

The wall time runs from definitions to members, through the product's client and adapters, without publishing. No exact
answer can cost less than counting by user, so the budgets are ratios to that. A bare scan, which reads the columns
without grouping, is printed too. The other products' queries (see `harness.peers`) run on their own copy of the events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from statistics import mean
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.harness import peers
from bench.harness.analysis import explain_on, previews_on
from bench.harness.cases import CASES, JOB_SEGMENTS, MANY, MANY_AT_OTHERS, SIX, Case, condition, segment
from bench.harness.engines import folder, postgres, warehouse
from bench.harness.history import AS_OF, AS_OF_MS, TENANT, add, generate, users_of
from bench.harness.jobs import runs_on
from bench.harness.memory import growth_mib
from bench.harness.pairs import in_turn, milliseconds
from bench.report import Budget, Ratio, at_least, at_most
from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import STATEMENTS_OF_A_RUN, ClickHouseEvaluation
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import Expression, predicates_of
from segops_membership.domain.set_algebra import members

EVENTS: Final = 2_000_000
ROUNDS: Final = 5
JOB_ROUNDS: Final = 3
SAMPLED_ALONE: Final = 20
SEGMENT: Final = 1
MEMORY_BYTES: Final = 512 * 1024**2


def compiled(definition: Group, segment_id: int) -> Expression:
    """Return the definition, compiled for the instant of the benchmark."""
    return compile_definition(definition, AS_OF_MS, segment_id=segment_id)


async def evaluate(
    evaluation: ClickHouseEvaluation, definitions: Sequence[Group], *, tenant_id: int = TENANT
) -> list[int]:
    """Evaluate definitions as a job does; return the number of members of each."""
    expressions = [compiled(definition, number) for number, definition in enumerate(definitions, SEGMENT)]
    predicates = predicates_of(*expressions)
    answers = await evaluation.evaluate(tenant_id, predicates, AS_OF_MS)
    return [len(members(expression, answers.members, answers.universe)) for expression in expressions]


async def ask(clickhouse: ClickHouse, sql: str) -> int:
    """Return the single number that a query answers."""
    result = await clickhouse.query(sql, timeout_s=1_800)
    return int(result.rows[0][0])


@asynccontextmanager
async def histories(events: int) -> AsyncIterator[tuple[ClickHouse, AsyncEngine]]:
    """Start a warehouse and a PostgreSQL; the warehouse has the events in the product's layout and in the other one."""
    with folder() as state:
        async with warehouse(state) as clickhouse, postgres(state) as engine:
            await generate(clickhouse, events)
            await peers.copy(clickhouse)
            yield clickhouse, engine


async def run(events: int = EVENTS) -> list[Ratio]:
    """Measure on this many generated events of one tenant."""
    async with histories(events) as (clickhouse, engine):
        return await measure(clickhouse, engine, events)


async def measure(clickhouse: ClickHouse, engine: AsyncEngine, events: int) -> list[Ratio]:
    """Measure on a warehouse that has the events."""
    ratios = [ratio for case in CASES for ratio in await _alone(clickhouse, case)]
    ratios += await _together(clickhouse)
    ratios += await _algebra(clickhouse)
    ratios.append(await _memory(clickhouse))
    ratios += [await _edit(clickhouse, engine), await _explained(clickhouse, engine, users_of(events))]
    ratios += await _whole_runs(clickhouse, engine)
    return [*ratios, *await _unmerged(clickhouse, events)]


async def _alone(clickhouse: ClickHouse, case: Case) -> list[Ratio]:
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    ours, theirs = (await evaluate(evaluation, [case.definition]))[0], await ask(clickhouse, case.peer)
    if ours != theirs:
        raise RuntimeError(f"{case.name}: {ours} members, but {theirs} in the other shape")
    queries: list[Callable[[], Awaitable[object]]] = [
        partial(evaluate, evaluation, [case.definition]),
        partial(ask, clickhouse, case.peer),
    ]
    baselines = [(name, sql, budget) for name, sql, budget in _baselines(case) if sql is not None]
    queries += [partial(clickhouse.query, sql, timeout_s=600) for _, sql, _ in baselines]
    times = await in_turn(ROUNDS, *(partial(milliseconds, query) for query in queries))
    to_baselines = [
        Ratio(case.name, name, times[0], baseline, "ms", budget)
        for (name, _, budget), baseline in zip(baselines, times[2:], strict=True)
    ]
    return [*to_baselines, Ratio(f"{case.name} in the others' shape", "ours", times[1], times[0], "ms")]


def _baselines(case: Case) -> list[tuple[str, str | None, Budget | None]]:
    return [
        ("its events counted by user", case.counted, case.budget),
        ("bare scan of its columns", case.scan, None),
    ]


async def _together(clickhouse: ClickHouse) -> list[Ratio]:
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    step = JOB_SEGMENTS // SAMPLED_ALONE

    async def together() -> float:
        return await milliseconds(partial(evaluate, evaluation, MANY))

    async def alone() -> float:
        return mean([await milliseconds(partial(evaluate, evaluation, [definition])) for definition in MANY[::step]])

    async def others() -> float:
        sampled = [await milliseconds(partial(ask, clickhouse, sql)) for sql in MANY_AT_OTHERS[::step]]
        return mean(sampled) * JOB_SEGMENTS

    job, single, one_by_one = await in_turn(JOB_ROUNDS, together, alone, others)
    name = f"{JOB_SEGMENTS} segments in one job"
    sampled = f"{JOB_SEGMENTS} queries in the others' shape, from the mean of {SAMPLED_ALONE}"
    return [
        Ratio(name, "mean of one alone", job, single, "ms", at_most(40)),
        Ratio(sampled, name, one_by_one, job, "ms", at_least(20)),
    ]


async def _algebra(clickhouse: ClickHouse) -> list[Ratio]:
    """Measure which share of a job is combining the results and comparing with the previous members."""
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    expressions = [compiled(definition, number) for number, definition in enumerate(MANY, SEGMENT)]
    predicates = predicates_of(*expressions)
    answers = await evaluation.evaluate(TENANT, predicates, AS_OF_MS)
    before = [members(expression, answers.members, answers.universe) for expression in expressions]

    async def combine() -> None:
        for expression, old in zip(expressions, reversed(before), strict=True):
            new = members(expression, answers.members, answers.universe)
            _ = new - old, old - new

    parts, whole = await in_turn(
        JOB_ROUNDS, partial(milliseconds, combine), partial(milliseconds, partial(evaluate, evaluation, MANY))
    )
    name = f"algebra and comparison of {JOB_SEGMENTS} segments"
    return [Ratio(name, "the job that they are part of", parts, whole, "ms", at_most(0.02))]


async def _memory(clickhouse: ClickHouse) -> Ratio:
    """Compare the peak memory of the warehouse during a job with the limits of its statements."""
    bounded = ClickHouseEvaluation(clickhouse=clickhouse, memory_bytes=MEMORY_BYTES)
    grown = [await growth_mib(clickhouse, partial(evaluate, bounded, MANY)) for _ in range(JOB_ROUNDS)]
    allowed = [MEMORY_BYTES / 1024**2 * STATEMENTS_OF_A_RUN] * JOB_ROUNDS
    return Ratio("peak memory of that job", "its setting for each statement at once", grown, allowed, "MiB", at_most(1))


async def _edit(clickhouse: ClickHouse, engine: AsyncEngine) -> Ratio:
    """Compare a preview after an edit of one of six conditions with the first preview."""
    previews = await previews_on(clickhouse, engine)
    fresh = iter(range(1, 1_000_000))

    async def preview(*conditions: dict[str, Any]) -> float:
        definition = segment(*conditions)
        return await milliseconds(partial(previews.preview, TENANT, definition, segment_id=None, as_of=AS_OF))

    async def edited() -> float:
        return await preview(*SIX[:5], condition("invite", next(fresh) + 1))

    async def first() -> float:
        others = await previews_on(clickhouse, engine)
        return await milliseconds(partial(others.preview, TENANT, segment(*SIX), segment_id=None, as_of=AS_OF))

    await preview(*SIX)
    ours, theirs = await in_turn(ROUNDS, edited, first)
    return Ratio(
        "a preview after an edit of one of six conditions (aim: under a second)", "the first one", ours, theirs, "ms"
    )


async def _explained(clickhouse: ClickHouse, engine: AsyncEngine, users: int) -> Ratio:
    """Compare the 95th percentile of twenty explanations of six conditions with one empty query."""
    use_case = await explain_on(clickhouse, engine)
    names = (f"user-{number * 7919 % users}" for number in count())

    async def percentile_95() -> float:
        times = []
        for _ in range(20):
            explain = partial(
                use_case.explain, TENANT, next(names), segment_id=None, definition=segment(*SIX), as_of=AS_OF
            )
            times.append(await milliseconds(explain))
        return sorted(times)[18]

    ours, theirs = await in_turn(ROUNDS, percentile_95, partial(milliseconds, partial(clickhouse.query, "SELECT 1")))
    return Ratio("95 % of explanations (aim: under 100 ms)", "`SELECT 1` on the same warehouse", ours, theirs, "ms")


async def _whole_runs(clickhouse: ClickHouse, engine: AsyncEngine) -> list[Ratio]:
    """Compare a whole run, from the job to the last membership change, with the evaluation in it."""
    run = await runs_on(clickhouse, engine)
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    definition = CASES[0].definition
    segments = count(1)
    fixed = next(segments)

    async def entering() -> float:
        return await milliseconds(partial(run, next(segments), definition))

    async def again() -> float:
        return await milliseconds(partial(run, fixed, definition))

    evaluated = partial(milliseconds, partial(evaluate, evaluation, [definition]))
    first, repeated, alone = await in_turn(JOB_ROUNDS, entering, again, evaluated)
    return [
        Ratio("a run of a count that nearly every user enters", "its evaluation", first, alone, "ms"),
        Ratio("a run of a count without changes", "its evaluation", repeated, alone, "ms"),
    ]


async def _unmerged(clickhouse: ClickHouse, events: int) -> list[Ratio]:
    """Compare evaluation while 1 % of the events, of all days, is in unmerged parts with evaluation on merged parts."""
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    cases = [case for case in CASES if case.name in ("count", "negative only", "sequence")]
    timed = [partial(milliseconds, partial(evaluate, evaluation, [case.definition])) for case in cases]
    merged = await in_turn(ROUNDS, *timed)
    await add(clickhouse, events, events // 100)
    unmerged = await in_turn(ROUNDS, *timed)
    return [
        Ratio(f"{case.name} while 1 % is not merged", "merged", after, before, "ms")
        for case, after, before in zip(cases, unmerged, merged, strict=True)
    ]
