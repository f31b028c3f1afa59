"""Dead letters in ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_ingest.adapters.clickhouse.warehouse import DEAD_LETTERS_TABLE
from segops_ingest.ports.dead_letters import NEWEST, DeadLetter, DeadLettersUnavailable

# `one` is the id of the only letter to return, or ''.
_LETTERS: Final = """
SELECT lower(hex(MD5(concat(
        if(topic IN ('', 'segops.events'), '', concat(topic, ':')), toString(source_partition), ':', toString(source_offset), ':',
        message_id
    )))) AS id,
    toUnixTimestamp64Milli(at) AS at_ms, code, reason, message_id, line, topic, source_partition, source_offset, replayed_at
FROM dead_letters FINAL
WHERE tenant_id = {tenant_id:UInt64} AND (at_ms, id) < ({at_ms:Int64}, {id:String}) AND {one:String} IN ('', id)
ORDER BY at_ms DESC, id DESC LIMIT {limit:UInt32} OFFSET {offset:UInt64}"""
_COLUMNS: Final = (
    "tenant_id",
    "at",
    "message_id",
    "code",
    "reason",
    "line",
    "topic",
    "source_partition",
    "source_offset",
    "replayed_at",
)
_TIMEOUT_S: Final = 5.0


class ClickHouseDeadLetters:
    """Reads the table that the sink writes. A letter is marked by a newer row in its place."""

    def __init__(self, *, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def page(self, tenant_id: int, *, before: tuple[int, str], limit: int, offset: int) -> Sequence[DeadLetter]:
        """See `DeadLetters`."""
        at_ms, letter_id = before
        values = {"tenant_id": tenant_id, "at_ms": at_ms, "id": letter_id, "limit": limit, "offset": offset, "one": ""}
        return await self._letters(values)

    async def letter(self, tenant_id: int, letter_id: str) -> DeadLetter | None:
        """See `DeadLetters`."""
        at_ms, after_all = NEWEST
        values = {"tenant_id": tenant_id, "at_ms": at_ms, "id": after_all, "limit": 1, "offset": 0, "one": letter_id}
        letters = await self._letters(values)
        return letters[0] if letters else None

    async def mark_replayed(self, tenant_id: int, letter: DeadLetter, at: datetime) -> None:
        """See `DeadLetters`."""
        row = (
            tenant_id,
            datetime.fromtimestamp(letter.at_ms / 1000, UTC),
            letter.message_id,
            letter.code,
            letter.reason,
            letter.line,
            letter.topic,
            letter.source_partition,
            letter.source_offset,
            at,
        )
        try:
            await self._clickhouse.insert(DEAD_LETTERS_TABLE, [row], _COLUMNS, timeout_s=_TIMEOUT_S)
        except ClickHouseError as error:
            raise DeadLettersUnavailable(str(error)) from error

    async def _letters(self, values: Mapping[str, Any]) -> Sequence[DeadLetter]:
        try:
            result = await self._clickhouse.query(_LETTERS, values, timeout_s=_TIMEOUT_S)
        except ClickHouseError as error:
            raise DeadLettersUnavailable(str(error)) from error
        return [_letter(row) for row in result.rows]


def _letter(row: Sequence[Any]) -> DeadLetter:
    letter_id, at_ms, code, reason, message_id, line, topic, partition, offset, replayed_at = row
    return DeadLetter(
        id=letter_id,
        at_ms=at_ms,
        code=code,
        reason=reason,
        message_id=message_id,
        line=line.encode() if isinstance(line, str) else line,
        topic=topic,
        source_partition=partition,
        source_offset=offset,
        replayed_at=replayed_at if replayed_at is None or replayed_at.tzinfo else replayed_at.replace(tzinfo=UTC),
    )
