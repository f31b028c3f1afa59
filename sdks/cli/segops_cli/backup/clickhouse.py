"""ClickHouse: the rows of each table in the format Native, one member per table and partition."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from segops_cli.backup.addresses import clickhouse_url, trusted
from segops_cli.backup.archive import ArchiveReader, ArchiveWriter
from segops_cli.backup.decided import Decided
from segops_cli.errors import CliError, ExitCode, usage

FOLDER: Final = "clickhouse/"
_CHUNK: Final = 1024 * 1024
_CONNECT_S: Final = 15
_SKIPPED: Final = frozenset({"schema_migrations", "history_copies"})
"""`migrate` fills them in every installation."""
_EVENTS: Final = "events"
_DELAYS: Final = "storage_delays"
_LISTS: Final = "static_members"
_SUPPRESSIONS: Final = "suppressions"
# A restored event stands before every delivery that is accepted later: the versions of all others are smaller.
_RESTORED_VERSION: Final = "if(version > 9223372036854775807, 18446744073709551615, 9223372036854775807) AS version"
_READ: Final = {
    "do_not_merge_across_partitions_select_final": "1",
    "optimize_move_to_prewhere": "0",
    "max_execution_time": "0",
    # What was decided about every tenant, list and run is in the text of a statement.
    "max_query_size": str(1024**3),
    "max_ast_elements": "1000000",
    "max_expanded_ast_elements": "4000000",
}
_INSERT: Final = {"insert_deduplicate": "0", "max_execution_time": "0", "async_insert": "0"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the columns that are inserted."""

    name: str
    columns: tuple[str, ...]
    is_merged: bool
    """Whether repeated rows are merged, so that it is read with FINAL."""

    @property
    def final(self) -> str:
        return " FINAL" if self.is_merged else ""


class ClickHouse:
    """Sends statements as the owner of the tables."""

    def __init__(self, client: httpx.AsyncClient, url: str, database: str) -> None:
        self._client = client
        self._url = url
        self._params = {"database": database}

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a small result."""
        response = await self._client.post(self._url, params=self._params, content=f"{statement} FORMAT JSONEachRow")
        _check(response)
        return [json.loads(line) for line in response.text.splitlines()]

    async def command(self, statement: str) -> None:
        """Run a statement without a result."""
        _check(await self._client.post(self._url, params=self._params, content=statement))

    async def save(self, statement: str, path: Path) -> None:
        """Write a result to a file, compressed by gzip. Raises CliError if it is not complete."""
        params = self._params | _READ | {"enable_http_compression": "1", "wait_end_of_query": "1"}
        headers = {"Accept-Encoding": "gzip"}
        async with self._client.stream(
            "POST", self._url, params=params, headers=headers, content=statement
        ) as response:
            if response.is_error:
                await response.aread()
            _check(response)
            with path.open("wb") as file:
                async for chunk in response.aiter_raw():
                    file.write(chunk)

    async def insert(self, statement: str, path: Path) -> None:
        """Insert what `save` has written."""
        params = self._params | _INSERT | {"query": statement}
        headers = {"Content-Encoding": "gzip"}
        _check(await self._client.post(self._url, params=params, headers=headers, content=_chunks(path)))


@asynccontextmanager
async def connection(url: str, ca_file: Path | None) -> AsyncIterator[ClickHouse]:
    """Connect to `http://user:password@host:port/database`. Raises CliError."""
    address = httpx.URL(clickhouse_url(url))
    timeout = httpx.Timeout(None, connect=_CONNECT_S)
    auth = httpx.BasicAuth(address.username, address.password)
    server = address.copy_with(userinfo=b"", path="/")
    try:
        async with httpx.AsyncClient(timeout=timeout, auth=auth, verify=trusted(ca_file), trust_env=False) as client:
            yield ClickHouse(client, str(server), address.path.strip("/") or "segops")
    except httpx.HTTPError as error:
        raise CliError(f"ClickHouse cannot be reached: {error}", ExitCode.UNAVAILABLE) from error


async def migrations(server: ClickHouse) -> dict[str, int]:
    """Return the newest migration of each service."""
    rows = await server.rows("SELECT service, toUInt32(max(number)) AS number FROM schema_migrations GROUP BY service")
    return {row["service"]: row["number"] for row in rows}


async def dump_lists(server: ClickHouse, archive: ArchiveWriter, decided: Decided) -> dict[str, int]:
    """Add the members of static lists; return the number of partitions. Only of lists are rows deleted meanwhile."""
    return await _dump(server, archive, decided, [table for table in await _tables(server) if table.name == _LISTS])


async def dump(server: ClickHouse, archive: ArchiveWriter, decided: Decided) -> dict[str, int]:
    """Add all other tables; return the number of partitions of each."""
    return await _dump(server, archive, decided, [table for table in await _tables(server) if table.name != _LISTS])


async def _dump(
    server: ClickHouse, archive: ArchiveWriter, decided: Decided, tables: Iterable[Table]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for table in tables:
        condition = decided.condition(table.name, table.columns)
        parts = await server.rows(f"SELECT DISTINCT _partition_id AS part FROM {table.name} ORDER BY part")
        for part in (row["part"] for row in parts):
            source = f"FROM {table.name}{table.final} WHERE _partition_id = '{part}' AND ({condition})"
            with archive.member(f"{FOLDER}{table.name}/{part}.native.gz") as path:
                await server.save(f"SELECT {_selected(table)} {source} FORMAT Native", path)
        # Rows that arrived meanwhile may be in the files or not; the files decide.
        counts[table.name] = len(parts)
    return counts


async def check_empty(server: ClickHouse, facts: Mapping[str, Any]) -> None:
    """Raise CliError unless the tables have the migrations of the backup, and no rows."""
    present = await migrations(server)
    if present != facts["migrations"]:
        raise usage(
            f"ClickHouse has the migrations {present}, the backup has {facts['migrations']}",
            "Restore with the version that made the backup, and upgrade then.",
        )
    for table in await _tables(server):
        if (await server.rows(f"SELECT count() > 0 AS filled FROM {table.name}"))[0]["filled"]:
            raise usage(f"ClickHouse must be empty, and {table.name} has rows", "Restore into a new installation.")


async def load(server: ClickHouse, archive: ArchiveReader) -> dict[str, int]:
    """Fill the tables; return how many rows each has. Views fill the tables that depend on events."""
    counts: dict[str, int] = {}
    for table in await _tables(server):
        for name in archive.names(f"{FOLDER}{table.name}/"):
            columns = ", ".join(table.columns)
            with archive.unpacked(name) as path:
                await server.insert(f"INSERT INTO {table.name} ({columns}) FORMAT Native", path)
        (row,) = await server.rows(f"SELECT toUInt32(count()) AS count FROM {table.name}{table.final}")
        counts[table.name] = row["count"]
    # The view has taken the age of every event for the time that storage took.
    await server.command(f"TRUNCATE TABLE IF EXISTS {_DELAYS}")
    return counts


async def dump_suppressions(server: ClickHouse, archive: ArchiveWriter) -> int:
    """Add the newest state of each erased person; return how many there are."""
    (row,) = await server.rows(
        "SELECT arrayStringConcat(groupArray(name), ', ') AS columns FROM system.columns"
        f" WHERE database = currentDatabase() AND table = '{_SUPPRESSIONS}'"
    )
    with archive.member(f"{FOLDER}{_SUPPRESSIONS}/all.native.gz") as path:
        await server.save(f"SELECT {row['columns']} FROM {_SUPPRESSIONS} FINAL FORMAT Native", path)
    (count,) = await server.rows(f"SELECT toUInt32(count()) AS people FROM {_SUPPRESSIONS} FINAL WHERE subject != ''")
    return int(count["people"])


async def add_suppressions(server: ClickHouse, archive: ArchiveReader, tenants: Collection[int]) -> None:
    """Add the rows of these tenants to the list; of each person, the newest stays."""
    table = next(table for table in await _tables(server) if table.name == _SUPPRESSIONS)
    for name in archive.names(f"{FOLDER}{_SUPPRESSIONS}/"):
        with archive.unpacked(name) as path:
            await server.insert(f"INSERT INTO {_SUPPRESSIONS} ({', '.join(table.columns)}) FORMAT Native", path)
    rows = await server.rows(f"SELECT DISTINCT toUInt32(tenant_id) AS tenant FROM {_SUPPRESSIONS}")
    # Another tenant may get the number of one that the backup does not have.
    if others := sorted({int(row["tenant"]) for row in rows}.difference(tenants)):
        condition = f"tenant_id IN ({', '.join(map(str, others))})"
        await server.command(f"ALTER TABLE {_SUPPRESSIONS} DELETE WHERE {condition} SETTINGS mutations_sync = 1")


async def suppression_keys(server: ClickHouse) -> set[str]:
    """Return the digits of the keys with which people were erased."""
    rows = await server.rows(f"SELECT DISTINCT key_id FROM {_SUPPRESSIONS} WHERE subject != ''")
    return {str(row["key_id"]) for row in rows}


async def _tables(server: ClickHouse) -> list[Table]:
    """Return the tables that are neither views nor filled by one. Raises CliError for tables on several servers."""
    tables = await server.rows(
        "SELECT name, engine, create_table_query AS text FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    )
    if any(table["engine"] == "Distributed" for table in tables):
        raise usage("the tables are on several servers", "Use ClickHouse's own BACKUP, as docs/cli.md says.")
    views = " ".join(table["text"] for table in tables if table["engine"] == "MaterializedView")
    targets = {table["name"] for table in tables if f".{table['name']} (" in views or f".{table['name']}\n" in views}
    columns = await server.rows(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
        " AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY table, position"
    )
    return [
        Table(
            table["name"],
            tuple(row["name"] for row in columns if row["table"] == table["name"]),
            any(kind in table["engine"] for kind in ("Replacing", "Aggregating", "Summing")),
        )
        for table in tables
        if "MergeTree" in table["engine"] and table["name"] not in _SKIPPED | targets
    ]


def _selected(table: Table) -> str:
    if table.name != _EVENTS:
        return ", ".join(table.columns)
    return ", ".join(_RESTORED_VERSION if column == "version" else column for column in table.columns)


def _check(response: httpx.Response) -> None:
    if response.is_error:
        reason = " ".join(response.text.split())[:300]
        raise CliError(f"ClickHouse refused a statement: {reason}", ExitCode.REFUSED)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
