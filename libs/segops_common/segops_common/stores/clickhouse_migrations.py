"""Numbered SQL migrations for ClickHouse: files `NNNN_name.sql`, statements separated by a line with only `;`.

Each file runs once, in order. ClickHouse has no transactions over several statements, so a file must be able to run
again after a crash halfway through (`IF NOT EXISTS`). A statement that cannot be repeated has a condition before it, a
line `-- unless SELECT …`, and runs only if that query returns 0. A file that has run must not change: its checksum is
stored. On a cluster, each shard runs the files in a database of its own (`cluster/tables.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.cluster.tables import (
    DEFAULT_CLUSTER,
    ClusterError,
    check_single_server,
    create_database,
    create_distributed_tables,
    create_shard_databases,
    is_database_missing,
    stale_distributed_tables,
    unmarked_shards,
)

__all__ = [
    "ChangedMigrationError",
    "ClusterError",
    "applied_migration",
    "migrate",
    "pending_databases",
    "pending_migrations",
    "pending_tables",
    "read_migrations",
]

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_UNLESS = re.compile(r"^-- unless (SELECT .+)$", re.MULTILINE)

STATEMENT_TIMEOUT_S: Final = 12 * 3600.0
"""A statement may copy a whole table."""

SINGLE_NODE: Mapping[str, str] = {
    "on_cluster": "",
    "merge_tree": "MergeTree",
    "replacing_merge_tree": "ReplacingMergeTree",
    "versioned_merge_tree": "ReplacingMergeTree(version)",
    "aggregating_merge_tree": "AggregatingMergeTree",
    "deduplication_window": "non_replicated_deduplication_window",
}
"""Values of the `${…}` in the files for servers without replicas. Other values, for replicated tables, have not been run."""


class ChangedMigrationError(Exception):
    """The text of a migration has changed after it ran."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, before the template's values are inserted."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"

    def statements(self, values: Mapping[str, str]) -> list[str]:
        """Return the statements to run, in order."""
        parts = re.split(r"^;$|;\s*$", Template(self.text).substitute(values), flags=re.MULTILINE)
        return [statement for part in parts if (statement := part.strip())]


def read_migrations(folder: Path) -> list[Migration]:
    """Return the migrations of a folder, ascending. Raises ValueError for a gap or a malformed name."""
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration must be named NNNN_name.sql")
        migrations.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"{folder}: migrations must be numbered from 0001 without a gap")
    return migrations


async def pending_migrations(clickhouse: ClickHouse, service: str, folder: Path) -> list[Migration]:
    """Return the migrations that have not run on every shard, ascending. Raises ChangedMigrationError."""
    pending = [migration for shard in clickhouse.shards for migration in await _pending(shard, service, folder)]
    return sorted(set(pending), key=lambda migration: migration.number)


async def applied_migration(clickhouse: ClickHouse, service: str) -> int:
    """Return the number of the last migration that ran on every shard; 0 before the first."""
    numbers = []
    for shard in clickhouse.shards:
        result = await shard.query(
            "SELECT max(number) FROM schema_migrations WHERE service = {service:String}", {"service": service}
        )
        numbers.append(int(result.rows[0][0]))
    return min(numbers)


async def _pending(clickhouse: ClickHouse, service: str, folder: Path) -> list[Migration]:
    await clickhouse.command(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (service String, number UInt16, name String, checksum String, at DateTime DEFAULT now())"
        " ENGINE = ReplacingMergeTree(at) ORDER BY (service, number)"
    )
    result = await clickhouse.query(
        "SELECT number, checksum FROM schema_migrations FINAL WHERE service = {service:String}", {"service": service}
    )
    checksums = {int(number): str(checksum) for number, checksum in result.rows}
    migrations = read_migrations(folder)
    for migration in migrations:
        if checksums.get(migration.number, migration.checksum) != migration.checksum:
            raise ChangedMigrationError(
                f"{service} {migration} has run with a different text: restore the file, and add a new one for the change"
            )
    return [migration for migration in migrations if migration.number not in checksums]


async def migrate(
    clickhouse: ClickHouse,
    service: str,
    folder: Path,
    values: Mapping[str, str] = SINGLE_NODE,
    *,
    cluster: str = DEFAULT_CLUSTER,
) -> list[Migration]:
    """Run the pending migrations in order on every shard, and return them. Safe to repeat after a crash.

    Raises ClusterError if the servers are not the shards of the cluster, or not the ones for which the database was made.
    """
    if clickhouse.is_cluster:
        await create_shard_databases(clickhouse, cluster)
    else:
        await create_database(clickhouse)
        await check_single_server(clickhouse)
    applied = [migration for shard in clickhouse.shards for migration in await _apply(shard, service, folder, values)]
    if clickhouse.is_cluster:
        await create_distributed_tables(clickhouse, cluster, folder)
    return sorted(set(applied), key=lambda migration: migration.number)


async def pending_databases(clickhouse: ClickHouse, cluster: str) -> Sequence[str]:
    """Return the shards that `migrate` would create or mark, or the database of a single server that it would create.

    Raises ClusterError as `migrate` does.
    """
    if clickhouse.is_cluster:
        return await unmarked_shards(clickhouse, cluster)
    if await is_database_missing(clickhouse):
        return [f"database {clickhouse.database}"]
    await check_single_server(clickhouse)
    return ()


async def pending_tables(clickhouse: ClickHouse, folder: Path) -> Sequence[str]:
    """Return the tables over all shards that `migrate` would create; none on a single server."""
    return await stale_distributed_tables(clickhouse, folder) if clickhouse.is_cluster else ()


async def _apply(clickhouse: ClickHouse, service: str, folder: Path, values: Mapping[str, str]) -> list[Migration]:
    pending = await _pending(clickhouse, service, folder)
    for migration in pending:
        for statement in migration.statements(values):
            if not await _has_run(clickhouse, statement):
                await clickhouse.command(statement, timeout_s=STATEMENT_TIMEOUT_S)
        await clickhouse.insert(
            "schema_migrations",
            [(service, migration.number, migration.name, migration.checksum)],
            ("service", "number", "name", "checksum"),
        )
    return pending


async def _has_run(clickhouse: ClickHouse, statement: str) -> bool:
    """Return whether the condition of the statement says that it took effect before."""
    condition = _UNLESS.search(statement)
    if condition is None:
        return False
    result = await clickhouse.query(condition[1])
    return int(result.rows[0][0]) > 0
