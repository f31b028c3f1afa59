"""Inserts events into ClickHouse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.core.faults import FaultPoints
from segops_common.stores.clickhouse import ClickHouse, ClickHouseDataError, ClickHouseError
from segops_ingest.ports.warehouse import InsertFailed, InsertRefused

SERVICE: Final = "ingest"
MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"
"""The migrations of the tables that this service owns."""

DEAD_LETTERS_TABLE: Final = "dead_letters"
INSERT_TIMEOUT_S: Final = 10.0
ONCE_SETTINGS: Final[dict[str, str | int]] = {
    "async_insert": 0,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
"""Repeating an insert with the same token has no effect, except that it adds rows of `profile_seen` that a crash left out."""


class ClickHouseWarehouse:
    """Inserts with a deduplication token. Sends the rows in two halves, so that tests can crash in the middle."""

    def __init__(self, *, clickhouse: ClickHouse, faults: FaultPoints) -> None:
        self._clickhouse = clickhouse
        self._faults = faults

    async def insert(self, rows: bytes, token: str) -> None:
        """See `EventWarehouse`."""
        await self._insert(EVENTS_TABLE, rows, {**JSON_INSERT_SETTINGS, **ONCE_SETTINGS}, token)

    async def insert_dead(self, rows: bytes, token: str) -> None:
        """See `EventWarehouse`."""
        try:
            await self._insert(DEAD_LETTERS_TABLE, rows, ONCE_SETTINGS, token)
        except InsertRefused as refusal:
            raise InsertFailed(f"a dead letter was refused: {refusal}") from refusal

    async def _insert(self, table: str, rows: bytes, settings: dict[str, str | int], token: str) -> None:
        try:
            await self._clickhouse.insert_json_lines(
                table,
                self._halves(rows),
                settings={**settings, "insert_deduplication_token": token},
                timeout_s=INSERT_TIMEOUT_S,
            )
        except ClickHouseDataError as error:
            raise InsertRefused(error.code, str(error)) from error
        except ClickHouseError as error:
            raise InsertFailed(str(error)) from error

    async def _halves(self, rows: bytes) -> AsyncIterator[bytes]:
        middle = len(rows) // 2
        yield rows[:middle]
        self._faults.reach("mid_insert")
        yield rows[middle:]
