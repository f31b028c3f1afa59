"""Evaluates predicates on ClickHouse."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.warehouse import EVENTS_TABLE, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError, ClickHouseUnavailable, Settings
from segops_membership.adapters.clickhouse.bitmap_state import decode_state
from segops_membership.adapters.clickhouse.costs import all_rows, memory_bytes, rows_of
from segops_membership.compiler.statements import Statement, statements_for, universe_statement
from segops_membership.domain.predicates import Predicate
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.evaluation import EvaluationResult, ProgressCallback, Query, QueryRefused, ignore_progress
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE
from segops_membership.sql.selections import JSON_READ_SETTINGS

QUERY_TIMEOUT_S: Final = 900
_STATEMENTS_AT_ONCE: Final = 4
STATEMENTS_OF_A_RUN: Final = 3
"""Less than all: beside a run that asks much, others come to ask."""
DEFAULT_MEMORY_BYTES: Final = 4 * 1024**3
_NEVER_MS: Final = 2**60
"""Later than any instant of a run; bound as the last one that the warehouse can hold."""
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
class _Found:
    """The bitmaps of a statement, in its order, and what reading them took."""

    bitmaps: Sequence[BitMap]
    rows_read: int
    bytes_read: int


_NOTHING: Final = _Found((), 0, 0)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement and what it found, or why it was refused."""

    statement: Statement
    found: _Found
    refusal: QueryRefused | None = None


class _OutOfMemory(EngineUnavailable):
    """The statement would need more than it may have."""


class ClickHouseEvaluation:
    """See the port `Evaluation`. Sends a few statements at a time.

    A statement may hold `memory_bytes` in ClickHouse and spills from half of it. What will not fit by its estimate, or does
    not, is asked of the users part by part. It may take `timeout_s`.
    """

    def __init__(
        self,
        *,
        clickhouse: ClickHouse,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        timeout_s: float = QUERY_TIMEOUT_S,
    ) -> None:
        self._clickhouse = clickhouse
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._settings: dict[str, str | int | float] = {
            **_READ_SETTINGS,
            "max_execution_time": timeout_s,
            "max_memory_usage": memory_bytes,
            "max_bytes_before_external_group_by": memory_bytes // 2,
        }
        self._slots = asyncio.Semaphore(_STATEMENTS_AT_ONCE)

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
        """See the port `Evaluation`."""
        with _translated():
            most = await all_rows(self._clickhouse)
        own_slots = asyncio.Semaphore(STATEMENTS_OF_A_RUN)

        async def ask(statement: Statement) -> list[_Asked]:
            try:
                return [_Asked(statement, await self._in_turn(statement, most, own_slots, on_progress))]
            except QueryRefused as refusal:
                if not (isolate_refusals and statement.predicates):
                    raise
                if len(statement.predicates) == 1:
                    return [_Asked(statement, _NOTHING, refusal)]
            return [asked for half in _halves(statement) for each in statements(half) for asked in await ask(each)]

        def statements(wanted: Collection[Predicate]) -> Iterator[Statement]:
            return statements_for(tenant_id, wanted, as_of_ms)

        everyone = [universe_statement(tenant_id, as_of_ms)] if universe is None else []
        asked = [
            each
            for some in await _all_of([ask(each) for each in (*everyone, *statements(predicates))])
            for each in some
        ]
        return _answers(asked, asked[0].found.bitmaps[0] if universe is None else universe)

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """See the port."""
        # Atoms are a set; whoever reads the statements sees them in an order of their own.
        others = sorted(
            statements_for(tenant_id, predicates, as_of_ms),
            key=lambda each: (each.sql, sorted(map(str, each.parameters.values()))),
        )
        queries = []
        for each in (universe_statement(tenant_id, as_of_ms), *others):
            rows = await self._rows_of(each)
            queries.append(Query(each.sql, each.parameters, len(each.predicates), rows.total()))
        return queries

    async def _in_turn(
        self, statement: Statement, most: Counter[str], own_slots: asyncio.Semaphore, on_progress: ProgressCallback
    ) -> _Found:
        async with own_slots, self._slots:
            for parts in await self._parts_for(statement, most):
                with suppress(_OutOfMemory):
                    found = await self._ask_in_parts(statement, parts)
                    on_progress(len(statement.predicates))
                    return found
        raise QueryRefused(_MEMORY_CODE, _LIMITS[_MEMORY_CODE])

    async def _parts_for(self, statement: Statement, most: Counter[str]) -> Sequence[int]:
        """In how many parts to try; the index is asked only if the rows of all tenants would not fit."""
        if memory_bytes(statement, most, 1) <= self._memory_bytes:
            return _PARTS
        rows = await self._rows_of(statement)
        return [n for n in _PARTS if n == _PARTS[-1] or memory_bytes(statement, rows, n) <= self._memory_bytes]

    async def _rows_of(self, statement: Statement) -> Counter[str]:
        with _translated():
            return await rows_of(self._clickhouse, statement, _READ_SETTINGS)

    async def _ask_in_parts(self, statement: Statement, parts: int) -> _Found:
        """Users are apart by ranges of their key, which the sort keys of all tables that are read begin or go on with."""
        if parts == 1:
            return await self._run(statement, {})
        founds = []
        for part in range(parts):
            of_part = f"user_key BETWEEN {part * 2**64 // parts} AND {(part + 1) * 2**64 // parts - 1}"
            filters = ", ".join(f"'{table}': '{of_part}'" for table in _TABLES_BY_USER)
            founds.append(await self._run(statement, {"additional_table_filters": f"{{{filters}}}"}))
        columns = zip(*(found.bitmaps for found in founds), strict=True)
        return _Found(
            [BitMap.union(*column) for column in columns],
            sum(found.rows_read for found in founds),
            sum(found.bytes_read for found in founds),
        )

    async def _run(self, statement: Statement, more: Settings) -> _Found:
        with _translated():
            result = await self._clickhouse.query(
                statement.sql,
                statement.parameters,
                settings={**self._settings, **more},
                timeout_s=self._timeout_s + 10,
            )
        bitmaps = [decode_state(base64.b64decode(text)) for text in result.rows[0]]
        return _Found(bitmaps, result.rows_read, result.bytes_read)


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


def _halves(statement: Statement) -> Iterator[Collection[Predicate]]:
    middle = len(statement.predicates) // 2
    yield statement.predicates[:middle]
    yield statement.predicates[middle:]


def _answers(asked: Sequence[_Asked], universe: BitMap) -> EvaluationResult:
    answered: dict[Predicate, BitMap] = {}
    refused: dict[Predicate, QueryRefused] = {}
    for each in asked:
        if each.refusal is None and each.statement.predicates:
            answered.update(zip(each.statement.predicates, each.found.bitmaps, strict=True))
        if each.refusal is not None:
            refused.update(dict.fromkeys(each.statement.predicates, each.refusal))
    return EvaluationResult(
        universe=universe,
        members=answered,
        rows_read=sum(each.found.rows_read for each in asked),
        bytes_read=sum(each.found.bytes_read for each in asked),
        refused=refused,
    )


async def _all_of(calls: Sequence[Coroutine[None, None, list[_Asked]]]) -> list[list[_Asked]]:
    """Wait for every call, then raise the first error as it is, not in a group."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    found = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
