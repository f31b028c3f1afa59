"""The joins of a tenant as of an instant, as they are sent along with the statements of an evaluation."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pyroaring import BitMap

from segops_common.stores.clickhouse import ClickHouse, SentTable, Settings
from segops_membership.adapters.clickhouse.bitmap_state import decode_state
from segops_membership.compiler.statements import Grouping, joined_numbers_statement
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.sql.joined import JOINED_STRUCTURE, JOINED_TABLE, any_join, joined_as_of
from segops_membership.sql.parameters import Bindings, select

_ROW_BYTES: Final = 16
_KEY_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Joins:
    """The joined ids with their persons, and the numbers of the ones and of the others."""

    rows: bytes
    joined: BitMap
    persons: BitMap

    def __bool__(self) -> bool:
        return bool(self.rows)

    def counted(self, bitmap: BitMap, grouping: Grouping) -> BitMap:
        """Return what counts of the bitmap of a statement. A joined id is no profile."""
        match grouping:
            case Grouping.PROFILES:
                return bitmap - self.joined - self.persons
            case Grouping.PERSONS:
                return bitmap - self.joined
            case Grouping.JOINED:
                return bitmap & self.persons

    @property
    def count(self) -> int:
        """The number of joined ids."""
        return len(self.rows) // _ROW_BYTES

    def table(self, first: int = 0, last: int = 2**64 - 1) -> SentTable:
        """Return the table for a statement, with the persons whose keys are in a range."""
        rows = self.rows if (first, last) == (0, 2**64 - 1) else b"".join(self._between(first, last))
        return SentTable(file_name=JOINED_TABLE, data=rows, fmt="RowBinary", structure=JOINED_STRUCTURE)

    def _between(self, first: int, last: int) -> Iterator[bytes]:
        for start in range(0, len(self.rows), _ROW_BYTES):
            row = self.rows[start : start + _ROW_BYTES]
            if first <= int.from_bytes(row[_KEY_BYTES:], "little") <= last:
                yield row


NO_JOINS: Final = Joins(b"", BitMap(), BitMap())


async def read_joins(
    clickhouse: ClickHouse, tenant_id: int, as_of_ms: int, *, settings: Settings, timeout_s: float
) -> Joins:
    """Return the joins of a tenant, of all shards. Raises ClickHouseError or EngineUnavailable."""
    bind = Bindings()
    any_sql = any_join(bind.integer(tenant_id))
    count = await clickhouse.query(any_sql, bind.values, settings=settings, timeout_s=timeout_s)
    if not count.rows:
        raise EngineUnavailable("ClickHouse ended its answer before the first row")
    if not int(count.rows[0][0]):
        return NO_JOINS
    rows = await _rows(clickhouse, tenant_id, as_of_ms, settings, timeout_s)
    if not rows:
        return NO_JOINS
    statement = joined_numbers_statement(tenant_id)
    sent = Joins(rows, BitMap(), BitMap()).table()
    numbers = await clickhouse.query(
        statement.sql, statement.parameters, settings=settings, timeout_s=timeout_s, sent=sent
    )
    joined, persons = (decode_state(base64.b64decode(text)) for text in numbers.rows[0])
    return Joins(rows, joined, persons)


async def _rows(clickhouse: ClickHouse, tenant_id: int, as_of_ms: int, settings: Settings, timeout_s: float) -> bytes:
    bind = Bindings()
    sql = joined_sql(tenant_id, as_of_ms, bind)
    # One row, whose first bytes are its length: an answer that was cut off is not taken for a shorter one.
    chunks = clickhouse.stream(
        select("groupArray((key, person))", f"({sql})"),
        bind.values,
        fmt="RowBinary",
        settings=settings,
        timeout_s=timeout_s,
    )
    answer = b"".join([chunk async for chunk in chunks])
    count, start = _length(answer)
    if len(answer) - start != count * _ROW_BYTES:
        raise EngineUnavailable("ClickHouse ended its answer before the last row")
    return answer[start:]


def joined_sql(tenant_id: int, as_of_ms: int, bind: Bindings) -> str:
    """Return the statement whose rows are sent along."""
    return joined_as_of(bind.integer(tenant_id), bind.instant(as_of_ms))


def _length(answer: bytes) -> tuple[int, int]:
    """Return the length of an array in RowBinary, a number of seven bits per byte, and how many bytes it takes."""
    length = 0
    for index, byte in enumerate(answer):
        length |= (byte & 127) << 7 * index
        if byte < 128:
            return length, index + 1
    raise EngineUnavailable("ClickHouse ended its answer before the first row")
