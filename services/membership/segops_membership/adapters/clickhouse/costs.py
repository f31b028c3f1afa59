"""What a statement will take, told before it is sent: rows from the index, memory from what it keeps.

The bytes are rounded up from peaks of the benchmark's statements at 20 million events and 600,000 profiles. They decide how
many parts the users are asked in, so an estimate that is too low costs a second try, and one too high a few more statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse, Settings
from segops_membership.compiler.statements import Statement
from segops_membership.domain.predicates import (
    AggregatePredicate,
    CountPredicate,
    DistinctCountPredicate,
    EventPredicate,
    HeldSincePredicate,
    MatchPredicate,
    PerValueCountPredicate,
    RegularityPredicate,
    SequencePredicate,
    TraitPredicate,
)
from segops_membership.sql.selections import select

_A_STATEMENT: Final = 8 * 1024**2
"""Buffers of its readers."""
_A_PROFILE: Final = 160
"""Its place in the tables of the grouping and of the join with its number, for two threads."""


@dataclass(frozen=True, slots=True)
class Width:
    """Bytes that a statement keeps of each profile, and of each event that it reads."""

    of_profile: int
    of_event: int = 0

    def memory_bytes(self, rows: Mapping[str, int], parts: int) -> int:
        """For so many rows of the tables, when the profiles are asked in so many parts."""
        return _A_STATEMENT + (self.of_profile * rows["profiles"] + self.of_event * rows[EVENTS_TABLE]) // parts


def width_of(statement: Statement) -> Width:
    """Of its distinct measures, beside what every profile takes."""
    widths = [_atom_width(atom) for atom in statement.measured]
    return Width(_A_PROFILE + sum(each.of_profile for each in widths), sum(each.of_event for each in widths))


def _atom_width(atom: EventPredicate | SequencePredicate | TraitPredicate | HeldSincePredicate) -> Width:
    match atom:
        case CountPredicate():
            return Width(16)
        case MatchPredicate() | TraitPredicate():
            return Width(128)
        case AggregatePredicate():
            return Width(96)
        case RegularityPredicate():
            return Width(256)
        case HeldSincePredicate():
            return Width(512)
        case PerValueCountPredicate() | DistinctCountPredicate():
            return Width(64, 24)
        case SequencePredicate():
            return Width(64, 32)
        case _:
            assert_never(atom)


async def rows_of(clickhouse: ClickHouse, statement: Statement, settings: Settings) -> Counter[str]:
    """The rows that the index cannot rule out, by table; no row is read. Raises ClickHouseError."""
    found = await clickhouse.query(f"EXPLAIN ESTIMATE {statement.sql}", statement.parameters, settings=settings)
    rows: Counter[str] = Counter()
    for _, table, _, count, _ in found.rows:
        rows[str(table)] += int(count)
    return rows


async def all_rows(clickhouse: ClickHouse) -> Counter[str]:
    """The rows of all tenants, by table; from the parts' own counts. Raises ClickHouseError."""
    tables = (EVENTS_TABLE, "profiles")
    counts = ", ".join(f"({select('count()', table)})" for table in tables)
    found = await clickhouse.query(f"SELECT {counts}")
    return Counter(dict(zip(tables, map(int, found.rows[0]), strict=True)))
