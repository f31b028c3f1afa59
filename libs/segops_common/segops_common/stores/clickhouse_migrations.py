"""Numbered SQL migrations for ClickHouse: files `NNNN_name.sql`, statements separated by a line with only `;`.

Each file runs once, in order. ClickHouse has no transactions over statements, so a file must be able to run again
after a crash in its middle (`IF NOT EXISTS`). A file that has run may not change: its checksum is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from segops_common.stores.clickhouse import ClickHouse

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

SINGLE_NODE: Mapping[str, str] = {
    "on_cluster": "",
    "merge_tree": "MergeTree",
    "replacing_merge_tree": "ReplacingMergeTree",
    "aggregating_merge_tree": "AggregatingMergeTree",
    "deduplication_window": "non_replicated_deduplication_window",
}
"""Values of the `${…}` in the files for one node; a cluster gives its own engines and ON CLUSTER clause."""


class ChangedMigrationError(Exception):
    """A migration that has already run has other text now."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its statements before the template's values are put in."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text as it is in the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"

    def statements(self, values: Mapping[str, str]) -> list[str]:
        """The statements to run, in order."""
        parts = re.split(r"^;$|;\s*$", Template(self.text).substitute(values), flags=re.MULTILINE)
        return [statement for part in parts if (statement := part.strip())]


def read_migrations(folder: Path) -> list[Migration]:
    """The migrations of a folder by number; raises ValueError for a gap or a name of another form."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is named NNNN_name.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{folder}: migrations are numbered from 0001 without a gap")
    return found


async def pending_migrations(clickhouse: ClickHouse, service: str, folder: Path) -> list[Migration]:
    """What has not run yet, in order; raises ChangedMigrationError."""
    await clickhouse.command(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (service String, number UInt16, name String, checksum String, at DateTime DEFAULT now())"
        " ENGINE = ReplacingMergeTree(at) ORDER BY (service, number)"
    )
    result = await clickhouse.query(
        "SELECT number, checksum FROM schema_migrations FINAL WHERE service = {service:String}", {"service": service}
    )
    done = {int(number): str(checksum) for number, checksum in result.rows}
    migrations = read_migrations(folder)
    for migration in migrations:
        if done.get(migration.number, migration.checksum) != migration.checksum:
            raise ChangedMigrationError(
                f"{service} {migration} has run with a different text: restore the file, and add a new one for the change"
            )
    return [migration for migration in migrations if migration.number not in done]


async def migrate(
    clickhouse: ClickHouse, service: str, folder: Path, values: Mapping[str, str] = SINGLE_NODE
) -> list[Migration]:
    """Run what is pending, in order; returns it. Safe to repeat after a crash."""
    pending = await pending_migrations(clickhouse, service, folder)
    for migration in pending:
        for statement in migration.statements(values):
            await clickhouse.command(statement)
        await clickhouse.insert(
            "schema_migrations",
            [(service, migration.number, migration.name, migration.checksum)],
            ("service", "number", "name", "checksum"),
        )
    return pending
