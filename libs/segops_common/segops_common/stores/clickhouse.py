"""ClickHouse over HTTP. Values are always bound parameters, and errors say whether a retry can help."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from segops_common.core.tasks import spawn
from segops_common.stores.clickhouse_address import ClickHouseAddress, clickhouse_address, shard_database
from segops_common.stores.cluster.marks import MARK_SQL, ShardMark, refusal_of_one_server

_log = logging.getLogger(__name__)

# The row itself is refused: the same bytes can never succeed.
DATA_ERROR_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 321, 349, 467})
TIMEOUT_EXCEEDED = 159
# The statement needs more than the server has now: time, open files or memory. A smaller one may succeed.
TOO_HEAVY_CODES = frozenset({TIMEOUT_EXCEEDED, 76, 173, 241})
# The server lacks a resource, has too many parts, was stopped or still ends an earlier statement with the same id: the
# same statement may succeed later.
TRANSIENT_CODES = TOO_HEAVY_CODES | {
    *(74, 75, 95, 96, 164, 198, 202, 203, 204, 209, 210, 216, 236, 242, 243, 252, 279, 286, 289, 290, 319, 364, 394),
    *(425, 439, 735, 999),
}
_CODE = re.compile(r"[Cc]ode:? (\d+)")
_SILENCE_S = 3_600
"""Longer than the deadline of any call: a server is silent while it computes, and the connection must stay open."""
_CONTROL_CONNECTIONS = 2
_END_S = 6.0
_END_WAIT_MS = 5_000
"""How long the server waits for a cancelled statement to end. Shorter than `_END_S`."""
_CHECK_S = 2.0

Settings = Mapping[str, str | int | float]
SentTable = clickhouse_connect.driver.external.ExternalData
# ClickHouse ends a statement whose connection is closed only when it may not write.
_ENDS_WITH_CALLER: Settings = {"readonly": 2, "cancel_http_readonly_queries_on_client_close": 1}
NO_SETTINGS: Settings = {}
OVER_ALL_SHARDS: Settings = {
    # A subquery over another table is computed once over all shards, so a statement means the same as on one server.
    "distributed_product_mode": "global",
    # An insert returns when the rows are stored on their shards.
    "distributed_foreground_insert": 1,
    # Otherwise each shard would run an INSERT … SELECT over its own rows: as many statements, each with its own numbering.
    "parallel_distributed_insert_select": 0,
    # A statement about some users asks only their shards.
    "optimize_skip_unused_shards": 1,
}
"""Settings of statements on the tables over all shards."""


class ClickHouseError(Exception):
    """ClickHouse refused a statement; `code` is its error code, 0 when it gave none."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ClickHouseDataError(ClickHouseError):
    """ClickHouse refused the data of an insert: no retry of these bytes can succeed."""


class ClickHouseUnavailable(ClickHouseError):
    """ClickHouse does not respond or lacks a resource. The statement may or may not have taken effect."""

    def __init__(self, message: str, code: int, *, is_abandoned: bool = False) -> None:
        super().__init__(message, code)
        self.is_abandoned = is_abandoned
        """Whether the statement may still run, because the server has not answered."""


class WrongServers(ClickHouseUnavailable):
    """The address does not name the servers of the cluster. The message says what it must name."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """Rows in the order of the statement, and the rows and bytes that were read for them."""

    rows: Sequence[Sequence[Any]]
    rows_read: int
    bytes_read: int


class ClickHouse:
    """A client of one database. It connects on first use, so a service can start while ClickHouse is down.

    If the address names the shards of a cluster, statements go to the first one, to tables over all shards. `shards` has a
    client for the tables of each; a single server is its own only shard. Each of them checks, whenever it connects, that its
    server is the shard that the address says, or no shard if the address names one server. Otherwise it raises WrongServers.

    Every call ends after `timeout_s`, of the call or of the client, whatever the server sends until then. A statement
    whose caller stopped waiting is cancelled in the server. This and `check` have connections of their own, so statements
    that fill the others do not delay them.
    """

    def __init__(
        self,
        *,
        url: str | ClickHouseAddress,
        max_connections: int = 16,
        timeout_s: float = 30.0,
        ca_file: Path | None = None,
    ) -> None:
        """Raises ValueError for an address that is not understood.

        `ca_file` has certificates of private authorities, trusted besides the ones of the system.
        """
        self._address = clickhouse_address(url) if isinstance(url, str) else url
        self._shards = tuple(
            ClickHouse(url=shard, max_connections=max_connections, timeout_s=timeout_s, ca_file=ca_file)
            for shard in self._address.shards()
        )
        # The tables over all shards are on the first one.
        self._mark: ShardMark | None = self._shards[0]._mark if self._shards else self._address.mark
        self._is_alone = isinstance(url, str) and not self._shards
        self._refusal: str | None = None
        self._settings = OVER_ALL_SHARDS if self._shards else NO_SETTINGS
        self._ca_file = ca_file
        self._max_connections = max_connections
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None
        self._control: AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._ending: dict[str, asyncio.Task[bool]] = {}
        self.in_use = 0
        """Statements that run or wait for a connection."""

    @property
    def shards(self) -> Sequence[ClickHouse]:
        """The clients of the shards, in their order. Closing this client closes them."""
        return self._shards or (self,)

    @property
    def is_cluster(self) -> bool:
        """Whether the tables are spread over shards."""
        return bool(self._shards)

    def servers(self, database: str) -> Sequence[ClickHouse]:
        """Return new clients of a database on each server. The caller closes them."""
        return [ClickHouse(url=server, ca_file=self._ca_file) for server in self._address.servers(database)]

    @property
    def database(self) -> str:
        """The database of the address."""
        return self._address.database

    @property
    def place(self) -> str:
        """The host and port, for messages: of the first shard if there are several."""
        return f"{self._address.host}:{self._address.port}"

    def query_id(self, purpose: str, *words: str) -> str:
        """Return the id of a statement that only its repetitions have, from any process of this installation.

        It contains the database: several installations may have databases on one server.
        """
        text = " ".join((self.database, *words))
        return f"{purpose}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
        sent: SentTable | None = None,
    ) -> ResultSet:
        """Return the rows of a statement with `{name:Type}` parameters. Raises ClickHouseError.

        The statement must not write. `sent` is a table that exists only for it.
        """
        async with self._call({**settings, **_ENDS_WITH_CALLER}, timeout_s) as (client, own):
            result = await client.query(sql, parameters=dict(parameters or {}), settings=own, external_data=sent)
        summary = result.summary
        return ResultSet(result.result_rows, int(summary.get("read_rows", 0)), int(summary.get("read_bytes", 0)))

    async def stream(
        self,
        sql: str,
        parameters: Mapping[str, Any],
        *,
        fmt: str,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the result of a statement in an output format. Raises ClickHouseError, also amid the result.

        The statement must not write. `timeout_s` is the longest silence. Closing the generator ends the statement.
        """
        async with self._call({**settings, **_ENDS_WITH_CALLER}, timeout_s) as (client, own):
            result = await client.raw_stream(sql, parameters=dict(parameters), settings=own, fmt=fmt)
        async with result as chunks:
            while True:
                with _mapped_errors():
                    async with asyncio.timeout(timeout_s or self._timeout_s):
                        chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk

    async def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Run a statement without rows. Raises ClickHouseError."""
        async with self._call(settings, timeout_s) as (client, own):
            await client.command(sql, parameters=dict(parameters or {}), settings=own)

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
        async with self._call(settings, timeout_s) as (client, own):
            await client.insert(table, rows, column_names=list(columns), settings=own)

    async def insert_json_lines(
        self,
        table: str,
        lines: bytes | AsyncIterator[bytes],
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        """Insert NDJSON, streamed if given in pieces, and return when it is stored. Raises ClickHouseError."""
        async with self._call(settings, timeout_s) as (client, own):
            await client.raw_insert(table, insert_block=lines, fmt="JSONEachRow", settings=own)

    async def end(self, query_id: str) -> bool:
        """Cancel the statement with this id, if it runs. Return whether the server confirms that it runs no more.

        A statement takes the place of a running one with its id: unlike KILL QUERY, this needs no right. Callers of the
        same id share one such statement: two of them would take each other's place, and one fail.
        """
        ending = self._ending.get(query_id)
        if ending is None:
            ending = self._ending[query_id] = spawn(self._end(query_id), name="end a statement")
            ending.add_done_callback(lambda _: self._ending.pop(query_id, None))
        return await asyncio.shield(ending)

    async def _end(self, query_id: str) -> bool:
        replacing = {
            "query_id": query_id,
            "replace_running_query": 1,
            "replace_running_query_max_wait_ms": _END_WAIT_MS,
        }
        try:
            async with asyncio.timeout(_END_S):
                client = await self._control_lane()
                await client.query("SELECT 1", settings=replacing)
        except (TimeoutError, aiohttp.ClientError, OSError, DriverError, ClickHouseError):
            return False
        return True

    async def check(self) -> None:
        """Raise ClickHouseError unless ClickHouse answers a query."""
        with _mapped_errors():
            async with asyncio.timeout(_CHECK_S):
                client = await self._control_lane()
                await client.query("SELECT 1")

    async def close(self) -> None:
        """Close the connections. The next call connects again."""
        clients = (self._client, self._control)
        self._client = self._control = None
        for client in clients:
            if client is not None:
                await client.close()
        for shard in self._shards:
            await shard.close()

    async def _lane(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await self._connected(self._max_connections)
            return self._client

    async def _control_lane(self) -> AsyncClient:
        async with self._connecting:
            if self._control is None:
                self._control = await self._connected(_CONTROL_CONNECTIONS)
            return self._control

    async def _connected(self, connections: int) -> AsyncClient:
        client = await self._new_client(connections)
        if self._mark is not None or self._is_alone:
            try:
                await self._check_mark(client)
            except BaseException:
                await client.close()
                raise
        return client

    async def _check_mark(self, client: AsyncClient) -> None:
        """Raise WrongServers unless the server is the shard of the address, and log the reason once."""
        mark, database = self._mark, self.database
        shard = shard_database(database) if mark is None else mark.database
        rows = (await client.query(MARK_SQL, parameters={"database": shard})).result_rows
        comment = str(rows[0][0]) if rows else ""
        if mark is None:
            refusal = refusal_of_one_server(database, comment, self.place)
        else:
            refusal = mark.refusal(comment, self.place)
        if refusal is not None and refusal != self._refusal:
            _log.error("%s", refusal)
        self._refusal = refusal
        if refusal is not None:
            raise WrongServers(refusal, 0)

    async def _new_client(self, connections: int) -> AsyncClient:
        return await clickhouse_connect.get_async_client(
            interface=self._address.interface,
            host=self._address.host,
            port=self._address.port,
            username=self._address.user,
            password=self._address.password,
            database=self._address.database,
            ca_cert=str(self._ca_file) if self._ca_file is not None else None,
            autogenerate_session_id=False,
            query_retries=0,
            connector_limit=connections,
            connector_limit_per_host=connections,
            connect_timeout=2,
            send_receive_timeout=_SILENCE_S,
            compress=False,
            # The values of a statement about many segments do not fit into a URL.
            form_encode_query_params=True,
        )

    @asynccontextmanager
    async def _call(
        self, settings: Settings, timeout_s: float | None
    ) -> AsyncIterator[tuple[AsyncClient, dict[str, str | int | float]]]:
        """Yield a client and the settings of a statement that is cancelled in the server if its caller stops waiting."""
        own = {"query_id": secrets.token_hex(16), **self._settings, **settings}
        is_sent = False
        self.in_use += 1
        try:
            with _mapped_errors():
                async with asyncio.timeout(timeout_s or self._timeout_s):
                    client = await self._lane()
                    is_sent = True
                    yield client, own
        except (ClickHouseUnavailable, asyncio.CancelledError) as error:
            if is_sent and (not isinstance(error, ClickHouseUnavailable) or error.is_abandoned):
                _ = spawn(self.end(str(own["query_id"])), name="end an abandoned statement")
            raise
        finally:
            self.in_use -= 1


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        reason = "ClickHouse does not respond: TimeoutError"
        raise ClickHouseUnavailable(reason, TIMEOUT_EXCEEDED, is_abandoned=True) from error
    except (aiohttp.ClientError, OSError) as error:
        reason = f"ClickHouse does not respond: {type(error).__name__}"
        raise ClickHouseUnavailable(reason, 0, is_abandoned=True) from error
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
