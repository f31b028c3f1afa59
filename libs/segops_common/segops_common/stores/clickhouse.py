"""ClickHouse over HTTP: values are always bound parameters, and a failure says whether a retry can help."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

# What a row itself can be refused for: the same bytes fail for ever.
DATA_ERROR_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 252, 321, 349, 467})
# The server is there and short of something: the same statement may succeed later.
TRANSIENT_CODES = frozenset({159, 202, 203, 209, 210, 241, 242, 243, 319, 425, 439, 999})
_CODE = re.compile(r"[Cc]ode:? (\d+)")
_SILENCE_S = 3_600
"""Longer than any deadline of a call: a server says nothing while it computes, and that is no reason to hang up."""

Settings = Mapping[str, str | int | float]
NO_SETTINGS: Settings = {}


class ClickHouseError(Exception):
    """ClickHouse refused a statement; `code` is its error code, 0 when it gave none."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ClickHouseDataError(ClickHouseError):
    """ClickHouse refused the data of an insert: no retry of these bytes can succeed."""


class ClickHouseUnavailable(ClickHouseError):
    """ClickHouse does not answer, or is short of something; the statement may or may not have been carried out."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """Rows in the order of the statement, and what reading them took."""

    rows: Sequence[Sequence[Any]]
    rows_read: int
    bytes_read: int


class ClickHouse:
    """A client of one database. Connects when first used, so a service starts while ClickHouse is down.

    A call ends after `timeout_s`, its own if it has one, whatever comes from the server meanwhile.
    """

    def __init__(self, *, url: str, max_connections: int = 16, timeout_s: float = 30.0) -> None:
        self._url = url
        self._max_connections = max_connections
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> ResultSet:
        """Rows of a statement with `{name:Type}` parameters; raises ClickHouseError."""
        async with self._translated(timeout_s) as client:
            result = await client.query(sql, parameters=dict(parameters or {}), settings=dict(settings))
        summary = result.summary
        return ResultSet(result.result_rows, int(summary.get("read_rows", 0)), int(summary.get("read_bytes", 0)))

    async def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Carry out a statement without rows; raises ClickHouseError."""
        async with self._translated(timeout_s) as client:
            await client.command(sql, parameters=dict(parameters or {}), settings=dict(settings))

    async def insert(
        self,
        table: str,
        rows: Sequence[Sequence[Any]],
        columns: Sequence[str],
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Insert rows in the Native format; acknowledged when stored. Raises ClickHouseError."""
        async with self._translated(timeout_s) as client:
            await client.insert(table, rows, column_names=list(columns), settings=dict(settings))

    async def insert_json_lines(
        self,
        table: str,
        lines: bytes | AsyncIterator[bytes],
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Insert NDJSON as it is, sent piece by piece when given so; acknowledged when stored. Raises ClickHouseError."""
        async with self._translated(timeout_s) as client:
            await client.raw_insert(table, insert_block=lines, fmt="JSONEachRow", settings=dict(settings))

    async def check(self) -> None:
        """Raises ClickHouseError when ClickHouse does not answer a query."""
        await self.query("SELECT 1", timeout_s=2)

    async def close(self) -> None:
        """Close the connections; the object connects again when used."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await clickhouse_connect.get_async_client(
                    dsn=self._url,
                    autogenerate_session_id=False,
                    query_retries=0,
                    connector_limit=self._max_connections,
                    connector_limit_per_host=self._max_connections,
                    connect_timeout=2,
                    send_receive_timeout=_SILENCE_S,
                    compress=False,
                    # A statement of many segments has more values than fit into a URL.
                    form_encode_query_params=True,
                )
            return self._client

    @asynccontextmanager
    async def _translated(self, timeout_s: float | None) -> AsyncIterator[AsyncClient]:
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                yield await self._connected()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClickHouseUnavailable(f"ClickHouse does not answer: {type(error).__name__}", 0) from error
        except DriverError as error:
            raise _translate(error) from error


def _translate(error: DriverError) -> ClickHouseError:
    message = str(error)
    found = _CODE.search(message)
    code = int(found.group(1)) if found else int(getattr(error, "code", 0) or 0)
    if code in DATA_ERROR_CODES:
        return ClickHouseDataError(message, code)
    if code in TRANSIENT_CODES or (code == 0 and isinstance(error, OperationalError | DatabaseError)):
        return ClickHouseUnavailable(message, code)
    return ClickHouseError(message, code)
