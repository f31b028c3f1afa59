"""Evaluation of segments by the product's statements, against scans that only read the columns concerned.

By the clock, through the client and the adapters of the product. The scans aggregate each column to one value, without
grouping: the least that reading it can cost. A job's figures are from definitions to members, without publishing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any

from bench.harness.engines import folder, warehouse
from bench.harness.history import AS_OF_MS, DAYS, SHARES, TENANT, generate
from bench.harness.pairs import in_turn, milliseconds
from bench.report import Budget, Ratio, at_most
from segops_common.contracts.definition import Group
from segops_common.contracts.warehouse import EVENTS_TABLE, MERGED_READ_SETTINGS
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.evaluation import ClickHouseEvaluation
from segops_membership.adapters.sql_plans import Statement, statements_for
from segops_membership.domain.algebra import members
from segops_membership.domain.compiler import compile_definition
from segops_membership.domain.plan import Expression, atoms_of

EVENTS = 2_000_000
ROUNDS = 7
JOB_ROUNDS = 3
JOB_SEGMENTS = (20, 200)
SAMPLED_ALONE = 20
_WINDOW_DAYS = 30
SEGMENT = 1
_SEEN = f"FROM {EVENTS_TABLE} WHERE tenant_id = {{tenant:UInt64}} AND event_type = {{event:String}}"
_SINCE = f"timestamp > fromUnixTimestamp64Milli({AS_OF_MS - _WINDOW_DAYS * 86_400_000}, 'UTC')"


@dataclass(frozen=True, slots=True)
class Scan:
    """A query over one event type to compare with."""

    title: str
    sql: str

    async def run(self, clickhouse: ClickHouse, event_type: str) -> None:
        """To the end, with its answer."""
        await clickhouse.query(self.sql, {"tenant": TENANT, "event": event_type}, settings=MERGED_READ_SETTINGS)


COUNT_SCAN = Scan("bare scan of its columns", f"SELECT sum(user_key), max(timestamp) {_SEEN} AND {_SINCE}")
GROUPED_SCAN = Scan(
    "count grouped by user",
    f"SELECT sum(n) FROM (SELECT user_key, count() AS n {_SEEN} AND {_SINCE} GROUP BY user_key)",
)
PAYLOAD_SCAN = Scan(
    "bare subcolumn scan",
    f"SELECT sum(user_key), max(timestamp), countIf(payload.price.:`Float64` >= 100) {_SEEN}",
)


def condition(event_type: str, value: int, **more: Any) -> dict[str, Any]:
    """At least so many events of a type."""
    return {"type": "event_count", "event_type": event_type, "operator": "gte", "value": value, **more}


def segment(*conditions: dict[str, Any]) -> Group:
    """A definition in which all conditions hold."""
    return Group.model_validate({"logic": "AND", "conditions": list(conditions)})


COUNT = segment(condition("page_viewed", 3, window={"last": f"{_WINDOW_DAYS}d"}))
PAYLOAD = segment(condition("purchase", 1, where=[{"property": "price", "operator": "gte", "value": 100}]))


def segments(count: int) -> list[Group]:
    """Definitions as tenants have them, no two alike: one to three conditions; other types, counts, windows, filters."""
    return [segment(*(_part(number, part) for part in range(1 + number % 3))) for number in range(count)]


def _part(number: int, part: int) -> dict[str, Any]:
    event_type, least = list(SHARES)[(number + part) % len(SHARES)], 1 + number % 7
    if number % 5 == 0 and part == 0:
        return condition(event_type, least, where=[{"property": "price", "operator": "gte", "value": number}])
    return condition(event_type, least, window={"last": f"{1 + (number * 37 + part) % (DAYS * 24)}h"})


def compiled(definition: Group, segment_id: int) -> Expression:
    """The definition at the instant of the benchmark."""
    return compile_definition(definition, AS_OF_MS, segment_id=segment_id)


def statement_of(definition: Group) -> Statement:
    """The one statement that a segment on one event type needs."""
    (statement,) = statements_for(TENANT, atoms_of(compiled(definition, SEGMENT)), AS_OF_MS)
    return statement


async def evaluate(evaluation: ClickHouseEvaluation, definitions: Sequence[Group]) -> None:
    """What a job does from definitions to members."""
    expressions = [compiled(definition, number) for number, definition in enumerate(definitions, SEGMENT)]
    atoms = frozenset().union(*(atoms_of(expression) for expression in expressions))
    answers = await evaluation.answer(TENANT, atoms, AS_OF_MS)
    for expression in expressions:
        members(expression, answers.atoms, answers.universe)


async def run(events: int = EVENTS) -> list[Ratio]:
    """On so many generated events of one tenant."""
    with folder() as state:
        async with warehouse(state) as clickhouse:
            await generate(clickhouse, events)
            queries = await _queries(clickhouse, events)
            return queries + [await _job(clickhouse, count) for count in JOB_SEGMENTS]


async def _queries(clickhouse: ClickHouse, events: int) -> list[Ratio]:
    async def ask(definition: Group) -> None:
        statement = statement_of(definition)
        await clickhouse.query(statement.sql, statement.parameters, settings=MERGED_READ_SETTINGS)

    async def pairs(definition: Group, event_type: str, *scans: Scan) -> list[list[float]]:
        queries = [partial(ask, definition), *(partial(scan.run, clickhouse, event_type) for scan in scans)]
        return await in_turn(ROUNDS, *(partial(milliseconds, query) for query in queries))

    counted, scanned, grouped = await pairs(COUNT, "page_viewed", COUNT_SCAN, GROUPED_SCAN)
    filtered, read = await pairs(PAYLOAD, "purchase", PAYLOAD_SCAN)
    what = f"{events:,} events: "
    return [
        Ratio(f"{what}a count segment", COUNT_SCAN.title, counted, scanned, "ms", at_most(1.5)),
        Ratio(f"{what}a count segment", GROUPED_SCAN.title, counted, grouped, "ms"),
        Ratio(f"{what}a payload filter", PAYLOAD_SCAN.title, filtered, read, "ms", at_most(1.5)),
    ]


async def _job(clickhouse: ClickHouse, count: int) -> Ratio:
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    definitions = segments(count)
    step = max(1, count // SAMPLED_ALONE)

    async def together() -> float:
        return await milliseconds(partial(evaluate, evaluation, definitions))

    async def alone() -> float:
        return mean([await milliseconds(partial(evaluate, evaluation, [each])) for each in definitions[::step]])

    ours, theirs = await in_turn(JOB_ROUNDS, together, alone)
    budget: Budget | None = at_most(40) if count == 200 else None
    return Ratio(f"{count} segments in one job", "mean of one alone", ours, theirs, "ms", budget)
