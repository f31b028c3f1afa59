"""Inserts events into ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.core.faults import FaultPoints
from segops_common.stores.clickhouse import (
    TOO_HEAVY_CODES,
    ClickHouse,
    ClickHouseDataError,
    ClickHouseError,
    ClickHouseUnavailable,
    Settings,
)
from segops_ingest.domain.rows import by_shards, dead_by_shards
from segops_ingest.ports.warehouse import InsertFailed, InsertRefused, InsertTooHeavy

SERVICE: Final = "ingest"
MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"
"""The migrations of the tables that this service owns."""

DEAD_LETTERS_TABLE: Final = "dead_letters"
INSERT_TIMEOUT_S: Final = 10.0
_ENGINE_TIMEOUT_S: Final = 9.0
"""Shorter than the client's limit, so that the server ends an insert even if its client was killed."""
_PROBE_TIMEOUT_S: Final = 2.0
ONCE_SETTINGS: Final[dict[str, str | int]] = {
    "async_insert": 0,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
"""Repeating an insert with the same token has no effect, except that it adds rows of `profile_seen` that a crash left out."""


class ClickHouseWarehouse:
    """Inserts with a deduplication token. Sends the rows in two halves, so that tests can crash in the middle.

    On a cluster, each shard gets its rows directly, with the same token. So an insert runs in one server, which is asked whether
    it has ended; behind a Distributed table, a part of it could go on unnoticed.
    """

    def __init__(self, *, clickhouse: ClickHouse, faults: FaultPoints, timeout_s: float = INSERT_TIMEOUT_S) -> None:
        self._clickhouse = clickhouse
        self._faults = faults
        self._timeout_s = timeout_s

    async def insert(self, rows: bytes, token: str) -> None:
        """See `EventWarehouse`."""
        shared = by_shards(rows, len(self._clickhouse.shards))
        await self._insert(EVENTS_TABLE, shared, {**JSON_INSERT_SETTINGS, **ONCE_SETTINGS}, token)

    async def insert_dead(self, rows: bytes, token: str) -> None:
        """See `EventWarehouse`."""
        try:
            shared = dead_by_shards(rows, len(self._clickhouse.shards))
            await self._insert(DEAD_LETTERS_TABLE, shared, ONCE_SETTINGS, token)
        except InsertRefused as refusal:
            raise InsertFailed(f"a dead letter was refused: {refusal}") from refusal

    async def _insert(self, table: str, shared: Mapping[int, bytes], settings: Settings, token: str) -> None:
        """Insert into all shards at once. What must be repeated with the same token counts before a refusal."""
        inserts = [
            self._insert_into(self._clickhouse.shards[index], table, rows, settings, token)
            for index, rows in shared.items()
        ]
        errors = [error for error in await asyncio.gather(*inserts, return_exceptions=True) if error is not None]
        for error in sorted(errors, key=_precedence):
            raise error

    async def _insert_into(
        self, clickhouse: ClickHouse, table: str, rows: bytes, settings: Settings, token: str
    ) -> None:
        query_id = clickhouse.query_id("insert", table, token)
        own: dict[str, str | int | float] = {
            **settings,
            "insert_deduplication_token": token,
            # A repetition ends its predecessor, also one of another process, and waits until it has ended.
            "query_id": query_id,
            "replace_running_query": 1,
            "max_execution_time": _ENGINE_TIMEOUT_S,
        }
        try:
            await clickhouse.insert_json_lines(table, self._halves(rows), settings=own, timeout_s=self._timeout_s)
        except ClickHouseDataError as error:
            raise InsertRefused(error.code, str(error)) from error
        except ClickHouseUnavailable as error:
            if error.code in TOO_HEAVY_CODES and await clickhouse.end(query_id):
                raise InsertTooHeavy(str(error)) from error
            raise InsertFailed(str(error)) from error
        except ClickHouseError as error:
            if await self._takes_no_rows(clickhouse, table, settings):
                raise InsertRefused(error.code, str(error)) from error
            raise InsertFailed(str(error)) from error

    async def _takes_no_rows(self, clickhouse: ClickHouse, table: str, settings: Settings) -> bool:
        """Return whether the same insert succeeds without rows: if so, a refusal is due to the rows.

        There are hundreds of error codes. What is not the fault of the rows (a missing table, a missing right, a wrong
        setting) fails without rows too.
        """
        try:
            await clickhouse.insert_json_lines(table, b"", settings=settings, timeout_s=_PROBE_TIMEOUT_S)
        except ClickHouseError:
            return False
        return True

    async def _halves(self, rows: bytes) -> AsyncIterator[bytes]:
        middle = len(rows) // 2
        yield rows[:middle]
        self._faults.reach("mid_insert")
        yield rows[middle:]


def _precedence(error: BaseException) -> int:
    """Return the place of an error: first what says nothing about the rows, then what asks for fewer, then what refuses them."""
    match error:
        case InsertRefused():
            return 2
        case InsertTooHeavy():
            return 1
        case _:
            return 0
