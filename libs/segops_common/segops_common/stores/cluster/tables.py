"""Tables over all shards of a ClickHouse cluster.

The tables themselves are in the database `<database>_shard` of each shard, as on a single server: migrations run there. The
database of the address has, on each shard, a Distributed table of the same name for each of them, with the file `cluster.toml`
beside the migrations saying by which key rows are spread. All rows of a profile are on one shard, `user_key` modulo the number
of shards, in the order in which the address names them. The database of a shard is marked with its place (`marks.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_address import shard_database
from segops_common.stores.cluster.marks import MARK_SQL, ShardMark

DEFAULT_CLUSTER: Final = "segops"
_SHARDS: Final = (
    "SELECT uniqExact(shard_num), min(shard_weight), max(shard_weight), max(replica_num)"
    " FROM system.clusters WHERE cluster = {cluster:String}"
)
# The servers of one machine have different ports, and one host name.
_OWN_ID: Final = "SELECT (toString(serverUUID()), hostName(), tcpPort())"
_IDS: Final = (
    "SELECT _shard_num, (toString(serverUUID()), hostName(), tcpPort())"
    " FROM clusterAllReplicas({cluster:String}, system, one)"
)
_OVER_SHARDS: Final = "SELECT count() FROM system.tables WHERE database = {database:String} AND engine = 'Distributed'"
_PROFILE_TABLES: Final = "SELECT table FROM system.columns WHERE database = {database:String} AND name = 'user_key'"
_ELSEWHERE: Final = (
    "SELECT count() FROM (SELECT 1 FROM {database:Identifier}.{table:Identifier}"
    " WHERE user_key % {count:UInt64} != {index:UInt64} LIMIT 1)"
)
_SCAN_TIMEOUT_S: Final = 3_600.0
_ENGINE: Final = "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {table:String}"
_COLUMNS: Final = (
    "SELECT groupArray((name, type, default_kind, default_expression)) FROM"
    " (SELECT * FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position)"
)


class ClusterError(Exception):
    """The servers of the address are not the shards of the cluster, or the database is that of a single server."""


async def create_shard_databases(clickhouse: ClickHouse, cluster: str) -> None:
    """Create both databases on each shard, and mark them. Raises ClusterError if the servers are not the shards in their order."""
    async with _servers(clickhouse, "system") as servers:
        marks = await _checked_marks(servers, clickhouse, cluster)
        places = list(zip(servers, marks.items(), strict=True))
        for server, (mark, is_marked) in places:
            if not is_marked:
                await _check_rows(server, mark)
        for server, (mark, is_marked) in places:
            await server.command(f"CREATE DATABASE IF NOT EXISTS {_quoted(clickhouse.database)}")
            if not is_marked:
                await _mark(server, mark)


async def unmarked_shards(clickhouse: ClickHouse, cluster: str) -> Sequence[str]:
    """Return the shards that `create_shard_databases` would mark. Raises ClusterError as it does."""
    async with _servers(clickhouse, "system") as servers:
        marks = await _checked_marks(servers, clickhouse, cluster)
        return [str(mark) for mark, is_marked in marks.items() if not is_marked]


async def create_database(clickhouse: ClickHouse) -> None:
    """Create the database of a single server, unless it is there: then its owner needs no right to create one."""
    if await is_database_missing(clickhouse):
        async with _servers(clickhouse, "system") as (server,):
            await server.command(f"CREATE DATABASE IF NOT EXISTS {_quoted(clickhouse.database)}")


async def is_database_missing(clickhouse: ClickHouse) -> bool:
    """Return whether the single server has no database of that name yet."""
    async with _servers(clickhouse, "system") as (server,):
        return not (await server.query(MARK_SQL, {"database": clickhouse.database})).rows


async def check_single_server(clickhouse: ClickHouse) -> None:
    """Raise ClusterError if the database has tables over all shards of a cluster."""
    (row,) = (await clickhouse.query(_OVER_SHARDS, {"database": clickhouse.database})).rows
    if int(row[0]) > 0:
        raise ClusterError(
            f"`{clickhouse.database}` is the database of a cluster of shards: SEGOPS_CLICKHOUSE_URL must name a server of each"
        )


async def _checked_marks(
    servers: Sequence[ClickHouse], clickhouse: ClickHouse, cluster: str
) -> Mapping[ShardMark, bool]:
    """Return the mark of each shard, in their order, and whether it is there. Raises ClusterError if there is another one."""
    database, count = shard_database(clickhouse.database), len(servers)
    marks: dict[ShardMark, bool] = {}
    for number, server in enumerate(servers, start=1):
        mark = ShardMark(database, number, count)
        comment = await _comment(server, mark)
        refusal = mark.refusal(comment, server.place)
        if comment and refusal is not None:
            raise ClusterError(refusal)
        marks[mark] = refusal is None
    for number, server in enumerate(servers, start=1):
        await _check_place(server, cluster, number, count)
    return marks


async def _mark(server: ClickHouse, mark: ShardMark) -> None:
    name, comment = _quoted(mark.database), _text(str(mark))
    await server.command(f"CREATE DATABASE IF NOT EXISTS {name} COMMENT {comment}")
    if await _comment(server, mark) == "":
        await server.command(f"ALTER DATABASE {name} MODIFY COMMENT {comment}")


async def _comment(server: ClickHouse, mark: ShardMark) -> str:
    rows = (await server.query(MARK_SQL, {"database": mark.database})).rows
    return str(rows[0][0]) if rows else ""


async def _check_rows(server: ClickHouse, mark: ShardMark) -> None:
    """Raise ClusterError if a table has a row of another shard: databases were not always marked."""
    for (table,) in (await server.query(_PROFILE_TABLES, {"database": mark.database})).rows:
        values = {"database": mark.database, "table": table, "count": mark.count, "index": mark.number - 1}
        (row,) = (await server.query(_ELSEWHERE, values, timeout_s=_SCAN_TIMEOUT_S)).rows
        if int(row[0]) > 0:
            raise ClusterError(
                f"`{mark.database}.{table}` on {server.place} has rows that do not belong to {mark}: SEGOPS_CLICKHOUSE_URL must"
                " name the servers that stored them, in the same order. Another number of shards needs another database: see"
                " docs/deploy.md"
            )


async def _check_place(server: ClickHouse, cluster: str, number: int, count: int) -> None:
    """Raise ClusterError unless the server is one of that shard. It asks the servers who they are: a name may be a proxy's."""
    (row,) = (await server.query(_SHARDS, {"cluster": cluster})).rows
    shards, *weights_and_replica = map(int, row)
    if shards and weights_and_replica != [1, 1, 1]:
        raise ClusterError(
            f"each shard of the cluster `{cluster}` in remote_servers of {server.place} must have one replica, and the weight 1"
        )
    (own,) = (await server.query(_OWN_ID)).rows
    places = (await server.query(_IDS, {"cluster": cluster})).rows if shards == count else []
    if (number, own[0]) not in {(int(shard), server_id) for shard, server_id in places}:
        raise ClusterError(
            f"SEGOPS_CLICKHOUSE_URL must name one server of each shard of the cluster `{cluster}`, in the order of remote_servers:"
            f" server {number} of {count} is not in its place among {shards} shards"
        )


async def create_distributed_tables(clickhouse: ClickHouse, cluster: str, folder: Path) -> None:
    """Create the tables over all shards, or again if their columns have changed. Raises ClusterError."""
    async with _servers(clickhouse, clickhouse.database) as servers:
        for server in servers:
            for table, key in _keys(folder).items():
                if await _is_current(server, table):
                    continue
                source = shard_database(server.database)
                arguments = ", ".join([*map(_text, (cluster, source, table)), key])
                await server.command(
                    f"CREATE OR REPLACE TABLE {table} AS {_quoted(source)}.{table} ENGINE = Distributed({arguments})"
                )


async def stale_distributed_tables(clickhouse: ClickHouse, folder: Path) -> Sequence[str]:
    """Return the tables that `create_distributed_tables` would create on some shard."""
    async with _servers(clickhouse, clickhouse.database) as servers:
        return [table for table in _keys(folder) for server in servers if not await _is_current(server, table)]


async def _is_current(server: ClickHouse, table: str) -> bool:
    """Return whether the table has the columns of the one on the shard. Raises ClusterError for a table with rows of its own."""
    engines = (await server.query(_ENGINE, {"database": server.database, "table": table})).rows
    if not engines:
        return False
    if engines[0][0] != "Distributed":
        raise ClusterError(
            f"{server.database}.{table} is a table of a single server. Name another database in SEGOPS_CLICKHOUSE_URL, and copy"
            " the rows as docs/deploy.md says"
        )
    databases = (server.database, shard_database(server.database))
    own, source = [(await server.query(_COLUMNS, {"database": name, "table": table})).rows for name in databases]
    return own == source


@asynccontextmanager
async def _servers(clickhouse: ClickHouse, database: str) -> AsyncIterator[Sequence[ClickHouse]]:
    servers = clickhouse.servers(database)
    try:
        yield servers
    finally:
        for server in servers:
            await server.close()


def _keys(folder: Path) -> dict[str, str]:
    """Return the sharding key of each table over all shards."""
    tables = tomllib.loads((folder / "cluster.toml").read_text())
    return {str(table): str(key) for table, key in tables.items()}


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
