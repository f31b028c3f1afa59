"""Evaluates predicates on ClickHouse."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

from pyroaring import BitMap

from segops_common.contracts.warehouse import EVENTS_TABLE, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import (
    NO_SETTINGS,
    ClickHouse,
    ClickHouseError,
    ClickHouseUnavailable,
    SentTable,
    Settings,
)
from segops_membership.adapters.clickhouse.bitmap_state import decode_state
from segops_membership.adapters.clickhouse.costs import all_rows, memory_bytes, most_rows, rows_of
from segops_membership.adapters.clickhouse.identity.joins import Joins, joined_sql, read_joins
from segops_membership.compiler.statements import (
    Grouping,
    Statement,
    person_universe_statement,
    statements_for,
    universe_statement,
    with_decisions,
)
from segops_membership.domain.predicates import Predicate
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.evaluation import EvaluationResult, ProgressCallback, Query, QueryRefused, ignore_progress
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE
from segops_membership.sql.joined import of_part
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.selections import JSON_READ_SETTINGS

T = TypeVar("T")

QUERY_TIMEOUT_S: Final = 900
_CONCURRENT_STATEMENTS: Final = 4
STATEMENTS_OF_A_RUN: Final = 3
"""Fewer than all, so that one run with many statements leaves room for others."""
DEFAULT_MEMORY_BYTES: Final = 4 * 1024**3
_MEMORY_CODE: Final = 241
_LIMITS: Final = {158: "rows read", 159: "time", _MEMORY_CODE: "memory", 396: "rows returned"}
"""By ClickHouse's error codes. A statement that exceeds a limit would exceed it again, so it is not retried."""
_PARTS: Final = (1, 4, 16)
_TABLES_BY_USER: Final = (EVENTS_TABLE, PROFILE_SEEN_TABLE, "profiles", STATIC_MEMBERS_TABLE)
_READ_SETTINGS: Final[dict[str, str | int | float]] = {
    **JSON_READ_SETTINGS,
    "max_query_size": 16 * 1024 * 1024,
    "max_ast_elements": 1_000_000,
    "max_expanded_ast_elements": 4_000_000,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """The bitmaps of a statement, in its order, and the cost of reading them."""

    bitmaps: Sequence[BitMap]
    rows_read: int
    bytes_read: int


_NO_ROW: Final = _Row((), 0, 0)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A statement and its row, or why it was refused."""

    statement: Statement
    row: _Row
    refusal: QueryRefused | None = None


class _OutOfMemory(EngineUnavailable):
    """The statement needs more memory than it may use."""


class ClickHouseEvaluation:
    """See the port `Evaluation`. Sends a few statements at a time, each to all shards: all rows of a profile are on one.

    Where ids are joined, statements group by person. On a cluster, a second statement evaluates the persons with several ids,
    over all shards; what the shards say about them and their ids does not count. All get the same joins, which are read before.

    A statement may use `memory_bytes` in ClickHouse and spills to disk from half of it. If it does not fit, by its
    estimate or when it runs, its users are split by key into 4, then 16 parts. It may take `timeout_s`.
    """

    def __init__(
        self,
        *,
        clickhouse: ClickHouse,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        timeout_s: float = QUERY_TIMEOUT_S,
        parts: Sequence[int] = _PARTS,
    ) -> None:
        """`parts` says into how many parts the users of a statement are split, in the order of the attempts."""
        self._clickhouse = clickhouse
        self._parts = parts
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._settings: dict[str, str | int | float] = {
            **_READ_SETTINGS,
            "max_execution_time": timeout_s,
            "max_memory_usage": memory_bytes,
            "max_bytes_before_external_group_by": memory_bytes // 2,
        }
        self._slots = asyncio.Semaphore(_CONCURRENT_STATEMENTS)

    async def evaluate(
        self,
        tenant_id: int,
        predicates: Collection[Predicate],
        as_of_ms: int,
        on_progress: ProgressCallback = ignore_progress,
        *,
        universe: BitMap | None = None,
        isolate_refusals: bool = False,
    ) -> EvaluationResult:
        """See the port."""
        with _translated():
            rows = most_rows(await all_rows(self._clickhouse))
        joins = await self._joins(tenant_id, as_of_ms)
        own_slots = asyncio.Semaphore(STATEMENTS_OF_A_RUN)

        async def send(statement: Statement) -> list[_Outcome]:
            try:
                row = await self._in_turn(statement, rows, own_slots, joins)
                if statement.decision is not None:
                    decide = partial(self._in_turn, statement.decision, rows, own_slots, joins)
                    row = await _decided(row, decide)
                on_progress(0 if statement.grouping is Grouping.JOINED else len(statement.predicates))
                return [_Outcome(statement, row)]
            except QueryRefused as refusal:
                if not (isolate_refusals and statement.predicates):
                    raise
                if len(statement.predicates) == 1:
                    return [_Outcome(statement, _NO_ROW, refusal)]
            smaller = (
                part
                for half in _halves(statement)
                for part in statements_for(tenant_id, half, as_of_ms, statement.grouping)
            )
            return [outcome for part in smaller for outcome in await send(part)]

        statements = [
            statement
            for statement in self._statements(tenant_id, predicates, as_of_ms, joins)
            if universe is None or statement.predicates
        ]
        outcomes = [
            outcome for some in await _all_of([send(statement) for statement in statements]) for outcome in some
        ]
        return _result(outcomes, universe, joins)

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """See the port."""
        joins = await self._joins(tenant_id, as_of_ms)
        queries = []
        if joins:
            bind = Bindings()
            sql = joined_sql(tenant_id, as_of_ms, bind)
            queries.append(Query(sql, bind.values, 0, joins.count))
        # Predicates are a set; the statements must not appear in another order each time.
        universes, others = _by_order(self._statements(tenant_id, predicates, as_of_ms, joins))
        for statement in (*universes, *with_decisions(others)):
            count = sum(rows.total() for rows in await self._rows_of(statement, joins))
            queries.append(Query(statement.sql, statement.parameters, len(statement.predicates), count))
        return queries

    def _statements(
        self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int, joins: Joins
    ) -> Iterator[Statement]:
        yield universe_statement(tenant_id, as_of_ms)
        groupings = [Grouping.PROFILES]
        if joins:
            groupings = [Grouping.PROFILES, Grouping.JOINED] if self._clickhouse.is_cluster else [Grouping.PERSONS]
            yield person_universe_statement(tenant_id, as_of_ms)
        for grouping in groupings:
            yield from statements_for(tenant_id, predicates, as_of_ms, grouping)

    async def _joins(self, tenant_id: int, as_of_ms: int) -> Joins:
        try:
            with _translated():
                return await read_joins(
                    self._clickhouse, tenant_id, as_of_ms, settings=self._settings, timeout_s=self._timeout_s + 10
                )
        except _OutOfMemory as error:
            raise QueryRefused(_MEMORY_CODE, _LIMITS[_MEMORY_CODE]) from error

    async def _in_turn(
        self, statement: Statement, all_rows: Counter[str], own_slots: asyncio.Semaphore, joins: Joins
    ) -> _Row:
        async with own_slots, self._slots:
            for parts in await self._attempts_for(statement, all_rows, joins):
                with suppress(_OutOfMemory):
                    return await self._run_in_parts(statement, parts, joins)
        raise QueryRefused(_MEMORY_CODE, _LIMITS[_MEMORY_CODE])

    async def _attempts_for(self, statement: Statement, all_rows: Counter[str], joins: Joins) -> Sequence[int]:
        """Return how many parts to try; the index is consulted only if the rows of all tenants would not fit."""
        if memory_bytes(statement, all_rows, 1) <= self._memory_bytes:
            return self._parts
        rows = most_rows(await self._rows_of(statement, joins))
        last = self._parts[-1]
        return [n for n in self._parts if n == last or memory_bytes(statement, rows, n) <= self._memory_bytes]

    async def _rows_of(self, statement: Statement, joins: Joins) -> Sequence[Counter[str]]:
        with _translated():
            sent = None if statement.grouping is Grouping.PROFILES else joins.table()
            return await rows_of(self._clickhouse, statement, _READ_SETTINGS, sent)

    async def _run_in_parts(self, statement: Statement, parts: int, joins: Joins) -> _Row:
        """Split the users by ranges of their key: it is in the sort key of every table that is read.

        Persons are split by their own keys: their ids may be in other ranges.
        """
        if parts == 1:
            return await self._run(statement, joins.table())
        bounds = [part * 2**64 // parts for part in range(parts + 1)]
        return _united([await self._run_part(statement, first, end - 1, joins) for first, end in pairwise(bounds)])

    async def _run_part(self, statement: Statement, first: int, last: int, joins: Joins) -> _Row:
        match statement.grouping:
            case Grouping.PROFILES:
                filters = ", ".join(f"'{table}': 'user_key BETWEEN {first} AND {last}'" for table in _TABLES_BY_USER)
                return await self._run(statement, None, {"additional_table_filters": f"{{{filters}}}"})
            case Grouping.PERSONS:
                part = replace(statement, sql=of_part(statement.sql, first, last))
                return await self._run(part, joins.table())
            case Grouping.JOINED:
                return await self._run(statement, joins.table(first, last))

    async def _run(self, statement: Statement, sent: SentTable | None, more: Settings = NO_SETTINGS) -> _Row:
        """Run the statement on all shards at once, and unite their bitmaps; about persons, over all shards together."""
        if statement.grouping is not Grouping.PROFILES:
            return await self._run_on(self._clickhouse, statement, sent, more)
        runs = [self._run_on(shard, statement, None, more) for shard in self._clickhouse.shards]
        return _united(await _all_of(runs))

    async def _run_on(
        self, clickhouse: ClickHouse, statement: Statement, sent: SentTable | None, more: Settings
    ) -> _Row:
        with _translated():
            result = await clickhouse.query(
                statement.sql,
                statement.parameters,
                settings={**self._settings, **more},
                timeout_s=self._timeout_s + 10,
                sent=sent,
            )
        bitmaps = [decode_state(base64.b64decode(text)) for text in result.rows[0]]
        return _Row(bitmaps, result.rows_read, result.bytes_read)


def _united(rows: Sequence[_Row]) -> _Row:
    """Return the bitmaps of rows about different users."""
    if len(rows) == 1:
        return rows[0]
    columns = zip(*(row.bitmaps for row in rows), strict=True)
    return _Row(
        [BitMap.union(*column) for column in columns],
        sum(row.rows_read for row in rows),
        sum(row.bytes_read for row in rows),
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClickHouseUnavailable as error:
        if error.code == _MEMORY_CODE:
            raise _OutOfMemory from error
        if error.code in _LIMITS:
            raise QueryRefused(error.code, _LIMITS[error.code]) from error
        raise EngineUnavailable(str(error)) from error
    except ClickHouseError as error:
        raise QueryRefused(error.code) from error


async def _decided(row: _Row, decide: Callable[[], Awaitable[_Row]]) -> _Row:
    """Return the members among all profiles; ask about the open ones, in the last bitmap, only if there are any."""
    *bitmaps, open_profiles = row.bitmaps
    if not open_profiles:
        return replace(row, bitmaps=bitmaps)
    more = await decide()
    return _Row(
        [BitMap.union(*both) for both in zip(bitmaps, more.bitmaps, strict=True)],
        row.rows_read + more.rows_read,
        row.bytes_read + more.bytes_read,
    )


def _halves(statement: Statement) -> Iterator[Collection[Predicate]]:
    middle = len(statement.predicates) // 2
    yield statement.predicates[:middle]
    yield statement.predicates[middle:]


def _by_order(statements: Iterable[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Return the statements about the universe, and the others in an order of their own."""
    every = list(statements)
    others = [statement for statement in every if statement.predicates]
    others.sort(key=lambda statement: (statement.sql, sorted(map(str, statement.parameters.values()))))
    return [statement for statement in every if not statement.predicates], others


def _result(outcomes: Sequence[_Outcome], universe: BitMap | None, joins: Joins) -> EvaluationResult:
    members: dict[Predicate | None, BitMap] = {}
    refused: dict[Predicate, QueryRefused] = {}
    for outcome in outcomes:
        predicates = outcome.statement.predicates
        if outcome.refusal is not None:
            refused.update(dict.fromkeys(predicates, outcome.refusal))
            continue
        # The universe is the answer of a statement without predicates.
        for predicate, bitmap in zip(predicates or (None,), outcome.row.bitmaps, strict=True):
            counted = joins.counted(bitmap, outcome.statement.grouping)
            members[predicate] = members.get(predicate, BitMap()) | counted
    of_universe = members.pop(None, BitMap())
    return EvaluationResult(
        universe=of_universe if universe is None else universe,
        members={
            predicate: bitmap
            for predicate, bitmap in members.items()
            if predicate is not None and predicate not in refused
        },
        has_joins=bool(joins),
        rows_read=sum(outcome.row.rows_read for outcome in outcomes),
        bytes_read=sum(outcome.row.bytes_read for outcome in outcomes),
        refused=refused,
    )


async def _all_of(calls: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Wait for every call, then raise the first error itself, not a group."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    values = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        values.append(result)
    return values
