"""Copies older events into the table `events_by_profile`, a month at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from segops_common.contracts.warehouse import HISTORY_COMPLETE_SQL, HISTORY_COPIES_TABLE
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError, Settings
from segops_ingest.ports.profile_history import CopyFailed

SETTLED_AFTER_S: Final = 30
"""Three times as long as the server lets an insert run."""
_COPY_TIMEOUT_S: Final = 3_600.0
_COPY_SQL: Final = """
INSERT INTO events_by_profile
    (tenant_id, user_key, timestamp, message_id, event_type, position, user_id, anonymous_id, payload, removed,
     empty_objects, original_timestamp, received_at, source_partition, source_offset, version)
SELECT
    tenant_id, user_key, timestamp, message_id, event_type, position, user_id, anonymous_id, toJSONString(payload), removed,
    empty_objects, original_timestamp, received_at, source_partition, source_offset, version
FROM events WHERE toYYYYMM(timestamp) = {month:UInt32}
"""
_SETTLED_SQL: Final = "SELECT max(at) <= now64(3) - {age:UInt32} FROM history_copies WHERE name = 'view'"
_PENDING_SQL: Final = """
SELECT DISTINCT _partition_id AS month FROM events WHERE month NOT IN (SELECT name FROM history_copies) ORDER BY month DESC
"""
# A copy runs beside live inserts and runs: one thread, and blocks that take little memory whatever the payloads.
_COPY_SETTINGS: Final[Settings] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": 8_192,
    "min_insert_block_size_bytes": 64 * 1024**2,
    "max_execution_time": int(_COPY_TIMEOUT_S),
    "json_type_escape_dots_in_keys": 1,
    "output_format_json_quote_64bit_integers": 0,
}


class ClickHouseProfileHistory:
    """See the port `ProfileHistory`. A row that is copied twice has the same key and version, so it counts once."""

    def __init__(self, *, clickhouse: ClickHouse, settled_after_s: int = SETTLED_AFTER_S) -> None:
        self._clickhouse = clickhouse
        self._settled_after_s = settled_after_s

    async def is_complete(self) -> bool:
        """See the port."""
        with _copy_errors():
            result = await self._clickhouse.query(HISTORY_COMPLETE_SQL)
        return int(result.rows[0][0]) > 0

    async def is_settled(self) -> bool:
        """See the port."""
        with _copy_errors():
            result = await self._clickhouse.query(_SETTLED_SQL, {"age": self._settled_after_s})
        return bool(result.rows[0][0])

    async def pending_months(self) -> Sequence[str]:
        """See the port."""
        with _copy_errors():
            result = await self._clickhouse.query(_PENDING_SQL)
        return [str(month) for (month,) in result.rows]

    async def copy(self, month: str) -> None:
        """See the port. The server refuses a second statement with the same id while the first one runs."""
        settings = {**_COPY_SETTINGS, "query_id": self._clickhouse.query_id("copy-history", month)}
        with _copy_errors():
            await self._clickhouse.command(
                _COPY_SQL, {"month": int(month)}, settings=settings, timeout_s=_COPY_TIMEOUT_S + 10
            )
        await self._note(month)

    async def note_complete(self) -> None:
        """See the port."""
        await self._note("complete")

    async def _note(self, name: str) -> None:
        with _copy_errors():
            await self._clickhouse.insert(HISTORY_COPIES_TABLE, [[name]], ["name"])


@contextmanager
def _copy_errors() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise CopyFailed(str(error)) from error
