"""Dead letters in ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_ingest.adapters.clickhouse.warehouse import DEAD_LETTERS_TABLE
from segops_ingest.domain.rows import CONFLICTING, QUARANTINED
from segops_ingest.ports.dead_letters import NEWEST, DeadLetter, DeadLettersUnavailable, PendingFilter

# `one` is the id of the only letter to return, or ''.
_LETTERS: Final = """
SELECT lower(hex(MD5(concat(
        if(topic IN ('', 'segops.events'), '', concat(topic, ':')), toString(source_partition), ':', toString(source_offset), ':',
        message_id
    )))) AS id,
    toUnixTimestamp64Milli(at) AS at_ms, code, reason, message_id, line, topic, source_partition, source_offset, replayed_at
FROM dead_letters FINAL
WHERE tenant_id = {tenant_id:UInt64} AND (at_ms, id) < ({at_ms:Int64}, {id:String}) AND {one:String} IN ('', id)"""
_PAGE: Final = """
ORDER BY at_ms DESC, id DESC LIMIT {limit:UInt32} OFFSET {offset:UInt64}"""
_PENDING: Final = f"""
    AND replayed_at IS NULL AND code != {CONFLICTING}
    AND {{event_type:String}} IN ('', JSONExtractString(line, 'event_type'))
    AND {{cause:String}} IN ('', if(code = {QUARANTINED}, 'schema', 'warehouse'))"""
_COUNT: Final = f"SELECT count() FROM ({_LETTERS}{_PENDING})"  # noqa: S608 - constants only
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
        return await self._letters(_LETTERS + _PAGE, values)

    async def letter(self, tenant_id: int, letter_id: str) -> DeadLetter | None:
        """See `DeadLetters`."""
        at_ms, after_all = NEWEST
        values = {"tenant_id": tenant_id, "at_ms": at_ms, "id": after_all, "limit": 1, "offset": 0, "one": letter_id}
        letters = await self._letters(_LETTERS + _PAGE, values)
        return letters[0] if letters else None

    async def pending(
        self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str], limit: int
    ) -> Sequence[DeadLetter]:
        """See `DeadLetters`."""
        values = _selection(tenant_id, pending, before) | {"limit": limit, "offset": 0}
        return await self._letters(_LETTERS + _PENDING + _PAGE, values)

    async def count_pending(self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str]) -> int:
        """See `DeadLetters`."""
        ((count,),) = await self._rows(_COUNT, _selection(tenant_id, pending, before))
        return int(count)

    async def mark_replayed(self, tenant_id: int, letters: Sequence[DeadLetter], at: datetime) -> None:
        """See `DeadLetters`."""
        rows = [
            (
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
            for letter in letters
        ]
        try:
            await self._clickhouse.insert(DEAD_LETTERS_TABLE, rows, _COLUMNS, timeout_s=_TIMEOUT_S)
        except ClickHouseError as error:
            raise DeadLettersUnavailable(str(error)) from error

    async def _letters(self, query: str, values: Mapping[str, Any]) -> Sequence[DeadLetter]:
        return [_letter(row) for row in await self._rows(query, values)]

    async def _rows(self, query: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            return (await self._clickhouse.query(query, values, timeout_s=_TIMEOUT_S)).rows
        except ClickHouseError as error:
            raise DeadLettersUnavailable(str(error)) from error


def _selection(tenant_id: int, pending: PendingFilter, before: tuple[int, str]) -> dict[str, Any]:
    at_ms, letter_id = before
    only = {"event_type": pending.event_type or "", "cause": pending.cause or ""}
    return {"tenant_id": tenant_id, "at_ms": at_ms, "id": letter_id, "one": "", **only}


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
