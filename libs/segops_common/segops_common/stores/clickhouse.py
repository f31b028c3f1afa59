"""ClickHouse over HTTP. Values are always bound parameters, and errors say whether a retry can help."""

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

# The row itself is refused: the same bytes can never succeed.
DATA_ERROR_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 252, 321, 349, 467})
# The server lacks a resource: the same statement may succeed later.
TRANSIENT_CODES = frozenset({159, 202, 203, 209, 210, 241, 242, 243, 319, 425, 439, 999})
_CODE = re.compile(r"[Cc]ode:? (\d+)")
_SILENCE_S = 3_600
"""Longer than the deadline of any call: a server is silent while it computes, and the connection must stay open."""

Settings = Mapping[str, str | int | float]
# ClickHouse ends a statement whose connection is closed only when it may not write.
_ENDS_WITH_CALLER: Settings = {"readonly": 2, "cancel_http_readonly_queries_on_client_close": 1}
NO_SETTINGS: Settings = {}


class ClickHouseError(Exception):
    """ClickHouse refused a statement; `code` is its error code, 0 when it gave none."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ClickHouseDataError(ClickHouseError):
    """ClickHouse refused the data of an insert: no retry of these bytes can succeed."""


class ClickHouseUnavailable(ClickHouseError):
    """ClickHouse does not respond or lacks a resource. The statement may or may not have taken effect."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """Rows in the order of the statement, and the rows and bytes that were read for them."""

    rows: Sequence[Sequence[Any]]
    rows_read: int
    bytes_read: int


class ClickHouse:
    """A client of one database. It connects on first use, so a service can start while ClickHouse is down.

    Every call ends after `timeout_s`, of the call or of the client, whatever the server sends until then.
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
        """Return the rows of a statement with `{name:Type}` parameters. Raises ClickHouseError.

        The statement must not write. When the call is cancelled or times out, the statement ends in ClickHouse too.
        """
        async with self._mapped_errors(timeout_s) as client:
            result = await client.query(
                sql, parameters=dict(parameters or {}), settings={**settings, **_ENDS_WITH_CALLER}
            )
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
        """Run a statement without rows. Raises ClickHouseError."""
        async with self._mapped_errors(timeout_s) as client:
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
        """Insert rows in the Native format, and return when they are stored. Raises ClickHouseError."""
        async with self._mapped_errors(timeout_s) as client:
            await client.insert(table, rows, column_names=list(columns), settings=dict(settings))

    async def insert_json_lines(
        self,
        table: str,
        lines: bytes | AsyncIterator[bytes],
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Insert NDJSON, streamed if given in pieces, and return when it is stored. Raises ClickHouseError."""
        async with self._mapped_errors(timeout_s) as client:
            await client.raw_insert(table, insert_block=lines, fmt="JSONEachRow", settings=dict(settings))

    async def check(self) -> None:
        """Raise ClickHouseError unless ClickHouse answers a query."""
        await self.query("SELECT 1", timeout_s=2)

    async def close(self) -> None:
        """Close the connections. The next call connects again."""
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
                    # The values of a statement about many segments do not fit into a URL.
                    form_encode_query_params=True,
                )
            return self._client

    @asynccontextmanager
    async def _mapped_errors(self, timeout_s: float | None) -> AsyncIterator[AsyncClient]:
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                yield await self._connected()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClickHouseUnavailable(f"ClickHouse does not respond: {type(error).__name__}", 0) from error
        except DriverError as error:
            raise _mapped(error) from error


def _mapped(error: DriverError) -> ClickHouseError:
    message = str(error)
    match = _CODE.search(message)
    code = int(match[1]) if match else int(getattr(error, "code", 0) or 0)
    if code in DATA_ERROR_CODES:
        return ClickHouseDataError(message, code)
    if code in TRANSIENT_CODES or (code == 0 and isinstance(error, OperationalError | DatabaseError)):
        return ClickHouseUnavailable(message, code)
    return ClickHouseError(message, code)
