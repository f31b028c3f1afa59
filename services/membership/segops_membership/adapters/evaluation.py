"""Evaluation and numbering on ClickHouse."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.warehouse import MERGED_READ_SETTINGS, PROFILE_SEEN_TABLE
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError, ClickHouseUnavailable, ResultSet
from segops_membership.adapters.bitmap_state import decode_state
from segops_membership.adapters.sql_plans import Statement, select, statements_for, universe_statement
from segops_membership.adapters.sql_properties import Bindings
from segops_membership.domain.plan import Atom
from segops_membership.ports import Answers, Outage, QueryRefused

QUERY_TIMEOUT_S: Final = 900
_STATEMENTS_AT_ONCE: Final = 4
# 159 time, 241 memory, 158 and 396 rows: a statement that ran into its limits would run into them again.
_LIMIT_CODES: Final = frozenset({158, 159, 241, 396})
_READ_SETTINGS: Final[dict[str, str | int | float]] = {
    **MERGED_READ_SETTINGS,
    "json_type_escape_dots_in_keys": 1,
    "output_format_json_quote_64bit_integers": 0,
    "max_query_size": 16 * 1024 * 1024,
    "max_ast_elements": 1_000_000,
    "max_expanded_ast_elements": 4_000_000,
}


class ClickHouseEvaluation:
    """Answers atoms with one statement for each event type, a few at a time; `timeout_s` is for each statement."""

    def __init__(self, *, clickhouse: ClickHouse, timeout_s: float = QUERY_TIMEOUT_S) -> None:
        self._clickhouse = clickhouse
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(_STATEMENTS_AT_ONCE)

    async def answer(self, tenant_id: int, atoms: Collection[Atom], as_of_ms: int) -> Answers:
        """See the port `Evaluation`."""
        statements = [universe_statement(tenant_id, as_of_ms), *statements_for(tenant_id, atoms, as_of_ms)]
        results = await _all_of([self._run(statement) for statement in statements])
        bitmaps = [[decode_state(base64.b64decode(text)) for text in result.rows[0]] for result in results]
        answered: dict[Atom, BitMap] = {}
        for statement, row in zip(statements[1:], bitmaps[1:], strict=True):
            answered.update(zip(statement.atoms, row, strict=True))
        return Answers(
            universe=bitmaps[0][0],
            atoms=answered,
            rows_read=sum(result.rows_read for result in results),
            bytes_read=sum(result.bytes_read for result in results),
        )

    async def _run(self, statement: Statement) -> ResultSet:
        async with self._slots:
            try:
                return await self._clickhouse.query(
                    statement.sql,
                    statement.parameters,
                    settings={**_READ_SETTINGS, "max_execution_time": self._timeout_s},
                    timeout_s=self._timeout_s + 10,
                )
            except ClickHouseUnavailable as error:
                if error.code in _LIMIT_CODES:
                    raise QueryRefused(error.code) from error
                raise Outage(str(error)) from error
            except ClickHouseError as error:
                raise QueryRefused(error.code) from error


async def _all_of(calls: Sequence[Coroutine[None, None, ResultSet]]) -> list[ResultSet]:
    """Wait for every call, then raise the first error as it is, not in a group."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    found = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


class ClickHouseProfiles:
    """Numbers profiles inside of ClickHouse: none of them passes through the worker."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def unnumbered(self, tenant_id: int) -> int:
        """See the port `Profiles`."""
        try:
            found = await self._clickhouse.query(
                select("uniqExact(user_key)", PROFILE_SEEN_TABLE, _WITHOUT_NUMBER), {"tenant": tenant_id}
            )
        except ClickHouseError as error:
            raise Outage(str(error)) from error
        return int(found.rows[0][0])

    async def number(self, tenant_id: int, first: int, count: int, fence: int) -> None:
        """See the port `Profiles`."""
        columns = "tenant_id, user_key, any(user_id) AS user_id, min(first_seen) AS first_seen"
        tail = "GROUP BY tenant_id, user_key ORDER BY user_key LIMIT {count:UInt64}"
        new = select(columns, PROFILE_SEEN_TABLE, _WITHOUT_NUMBER, tail)
        number = "toUInt32({first:UInt64} + row_number() OVER (ORDER BY user_key) - 1)"
        numbered = select(f"tenant_id, user_key, user_id, first_seen, {number}, {{fence:UInt64}}", f"({new})")
        values = {"tenant": tenant_id, "first": first, "count": count, "fence": fence}
        target = "profiles (tenant_id, user_key, user_id, first_seen, n, fence)"
        try:
            await self._clickhouse.command(f"INSERT INTO {target} {numbered}", values, timeout_s=QUERY_TIMEOUT_S)
        except ClickHouseError as error:
            raise Outage(str(error)) from error

    async def names(self, tenant_id: int, numbers: Collection[int]) -> Mapping[int, str]:
        """See the port `Profiles`."""
        bind = Bindings()
        tenant = bind.integer(tenant_id)
        wanted = ", ".join(bind.integer(number) for number in numbers)
        named = select("n, user_id", "profiles FINAL", f"tenant_id = {tenant} AND n IN ({wanted})")
        try:
            found = await self._clickhouse.query(named, bind.values)
        except ClickHouseError as error:
            raise Outage(str(error)) from error
        return {int(n): str(user_id) for n, user_id in found.rows}


_KNOWN: Final = select("user_key", "profiles", "tenant_id = {tenant:UInt64}")
_WITHOUT_NUMBER: Final = f"tenant_id = {{tenant:UInt64}} AND user_key NOT IN ({_KNOWN})"
