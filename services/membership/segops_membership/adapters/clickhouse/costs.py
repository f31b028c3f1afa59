"""What a statement will take, estimated before it is sent: rows from the index, memory from the width of its columns.

The bytes are rounded up from peaks of the benchmark's statements at 20 million events and 600,000 profiles. They decide
into how many parts the users are split. An estimate that is too low costs a second try, one that is too high a few more
statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse, SentTable, Settings
from segops_membership.compiler.statements import Statement
from segops_membership.sql.parameters import select

_STATEMENT_BYTES: Final = 8 * 1024**2
"""Buffers of its readers."""
_PROFILE_BYTES: Final = 160
"""A profile's place in the tables of the grouping and of the join with its number, for two threads."""


def memory_bytes(statement: Statement, rows: Mapping[str, int], parts: int) -> int:
    """Estimate the memory for so many rows of the tables, when the users are split into so many parts."""
    of_profiles = (_PROFILE_BYTES + statement.width.of_profile) * rows["profiles"]
    return _STATEMENT_BYTES + (of_profiles + statement.width.of_event * rows[EVENTS_TABLE]) // parts


async def rows_of(
    clickhouse: ClickHouse, statement: Statement, settings: Settings, sent: SentTable | None = None
) -> Sequence[Counter[str]]:
    """Return for each shard the rows that the index cannot rule out, by table; no row is read. Raises ClickHouseError."""
    rows_of_shards = []
    for shard in clickhouse.shards:
        explained = f"EXPLAIN ESTIMATE {statement.sql}"
        estimate = await shard.query(explained, statement.parameters, settings=settings, sent=sent)
        rows: Counter[str] = Counter()
        for _, table, _, count, _ in estimate.rows:
            rows[str(table)] += int(count)
        rows_of_shards.append(rows)
    return rows_of_shards


async def all_rows(clickhouse: ClickHouse) -> Sequence[Counter[str]]:
    """Return for each shard the rows of all tenants, by table, from the counts that parts keep. Raises ClickHouseError."""
    tables = (EVENTS_TABLE, "profiles")
    counts = ", ".join(f"({select('count()', table)})" for table in tables)
    results = [await shard.query(f"SELECT {counts}") for shard in clickhouse.shards]
    return [Counter(dict(zip(tables, map(int, result.rows[0]), strict=True))) for result in results]


def most_rows(rows_of_shards: Sequence[Counter[str]]) -> Counter[str]:
    """Return the rows of each table on the shard that has most of them: each runs the statement in memory of its own."""
    return reduce(or_, rows_of_shards)
