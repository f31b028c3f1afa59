"""PostgreSQL: one snapshot of all tables, as binary copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from segops_cli.backup.addresses import postgres_target
from segops_cli.backup.archive import ArchiveReader, ArchiveWriter
from segops_cli.backup.decided import Decided, ListState
from segops_cli.errors import CliError, ExitCode, usage

FOLDER: Final = "postgres/"
SCHEMAS: Final = ("auth", "segments", "membership")
_CONNECT_S: Final = 15.0
_ATTEMPTS: Final = 60
_PAUSE_S: Final = 2.0

_TABLES: Final = """
    SELECT c.oid, n.nspname AS schema, c.relname AS name,
        array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY($1)
    GROUP BY 1, 2, 3 ORDER BY 2, 3"""
_SEQUENCES: Final = """
    SELECT schemaname AS schema, sequencename AS name, coalesce(last_value, start_value) AS value,
        last_value IS NOT NULL AS called
    FROM pg_sequences WHERE schemaname = ANY($1) ORDER BY 1, 2"""
# Changes that a service has sent and another has not taken in yet are in the event log, which is not in a backup.
_IN_FLIGHT: Final = """
    SELECT
        (SELECT count(*) FROM segments.segments s
            LEFT JOIN membership.segment_definitions d ON d.tenant_id = s.tenant_id AND d.segment_id = s.id
            WHERE s.deleted_at IS NULL AND s.version IS DISTINCT FROM d.version)
        + (SELECT count(*) FROM segments.segments s
            JOIN membership.segment_definitions d ON d.tenant_id = s.tenant_id AND d.segment_id = s.id
            WHERE s.deleted_at IS NOT NULL AND NOT d.deleted)
        + (SELECT count(*) FROM membership.static_lists WHERE coming > version AND NOT lost)"""
_FINGERPRINT: Final = "SELECT count(*), sum(version), max(updated_at) FROM segments.segments"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the columns that are copied."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def member(self) -> str:
        """The name in the archive."""
        return f"{FOLDER}{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The name in SQL."""
        return f'"{self.schema}"."{self.name}"'


@asynccontextmanager
async def connection(url: str, ca_file: Path | None) -> AsyncIterator[Any]:
    """Connect as a superuser, whom no policy stops. Raises CliError."""
    target = postgres_target(url, ca_file)
    try:
        opened = await asyncpg.connect(target.url, ssl=target.tls, timeout=_CONNECT_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CliError(f"PostgreSQL cannot be reached: {error}", ExitCode.UNAVAILABLE) from error
    try:
        if not await opened.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            raise usage("the address of PostgreSQL must be the one of a superuser", "Policies hide rows from others.")
        yield opened
    except asyncpg.PostgresError as error:
        raise CliError(f"PostgreSQL refused a statement: {error}", ExitCode.FAILED) from error
    finally:
        await opened.close()


@asynccontextmanager
async def snapshot(database: Any) -> AsyncIterator[None]:
    """Begin a snapshot in which no change is between two services. Raises CliError if there is none for two minutes."""
    before = None
    for _ in range(_ATTEMPTS):
        async with database.transaction(isolation="repeatable_read", readonly=True):
            state = tuple(await database.fetchrow(_FINGERPRINT))
            if await database.fetchval(_IN_FLIGHT) == 0 and state == before:
                yield
                return
            before = state
        await asyncio.sleep(_PAUSE_S)
    raise CliError(
        "Segments change without a pause, or a service does not take the changes in.",
        ExitCode.UNAVAILABLE,
        advice="Look at `segops doctor`, and repeat the backup when nobody saves segments.",
    )


async def decided(database: Any) -> Decided:
    """Return what the snapshot had decided."""
    heads = await database.fetch("SELECT tenant_id, number FROM membership.tenant_heads")
    profiles = await database.fetch("SELECT tenant_id, next FROM membership.profile_numbers")
    waiting = await database.fetch("SELECT tenant_id, run_id, fence FROM membership.publications WHERE NOT shown")
    lists = await database.fetch("SELECT tenant_id, segment_id, since, version FROM membership.static_lists")
    merges = await database.fetch(
        "SELECT tenant_id, max(version) AS version FROM membership.identity_resolutions GROUP BY tenant_id"
    )
    tenants = await database.fetch("SELECT id FROM auth.tenants ORDER BY id")
    return Decided(
        tenants=tuple(row["id"] for row in tenants),
        heads={row["tenant_id"]: row["number"] for row in heads},
        next_profiles={row["tenant_id"]: row["next"] for row in profiles},
        not_shown=[(row["tenant_id"], row["run_id"], row["fence"]) for row in waiting],
        lists={(row["tenant_id"], row["segment_id"]): ListState(row["since"], row["version"]) for row in lists},
        merges={row["tenant_id"]: row["version"] for row in merges},
    )


async def check_lists(database: Any, decided: Decided) -> None:
    """Raise CliError if rows of a list of the snapshot may have been deleted since. Call it when they were read.

    `kept` is stored before rows of older versions are deleted. A list that was replaced once still has the rows of the snapshot.
    """
    rows = await database.fetch("SELECT tenant_id, segment_id, kept FROM membership.static_lists")
    kept = {(row["tenant_id"], row["segment_id"]): row["kept"] for row in rows}
    lost = [key for key, state in decided.lists.items() if key not in kept or kept[key] > state.since]
    if lost:
        tenant, segment = lost[0]
        raise CliError(
            f"The list of segment {segment} of tenant {tenant} was replaced or deleted while the backup was taken"
            f" ({len(lost)} such {'list' if len(lost) == 1 else 'lists'}), so its members are not in it.",
            ExitCode.UNAVAILABLE,
            advice="Repeat the command.",
        )


async def dump(database: Any, archive: ArchiveWriter) -> dict[str, Any]:
    """Add all tables; return the facts about them."""
    rows: dict[str, int] = {}
    for table in await _tables(database):
        with archive.member(table.member) as path:
            status = await database.copy_from_table(
                table.name, schema_name=table.schema, columns=table.columns, output=path, format="binary"
            )
        rows[f"{table.schema}.{table.name}"] = int(status.split()[-1])
    sequences = [dict(row) for row in await database.fetch(_SEQUENCES, list(SCHEMAS))]
    return {"rows": rows, "sequences": sequences, "migrations": await migrations(database)}


async def migrations(database: Any) -> dict[str, str]:
    """Return the newest migration of each service."""
    return {
        schema: await database.fetchval(f'SELECT version_num FROM "{schema}".alembic_version') for schema in SCHEMAS
    }


async def check_empty(database: Any, facts: Mapping[str, Any]) -> None:
    """Raise CliError unless the tables have the migrations of the backup, and nobody has signed up."""
    present = await migrations(database)
    if present != facts["migrations"]:
        raise usage(
            f"PostgreSQL has the migrations {present}, the backup has {facts['migrations']}",
            "Restore with the version that made the backup, and upgrade then.",
        )
    if await database.fetchval("SELECT count(*) FROM auth.tenants"):
        raise usage("PostgreSQL must be empty, and it has tenants", "Restore into a new installation.")


@asynccontextmanager
async def loaded(database: Any, archive: ArchiveReader, facts: Mapping[str, Any]) -> AsyncIterator[list[int]]:
    """Fill the tables in one transaction, which ends with the block, and yield the ids of the tenants.

    Triggers and references are not checked: they held in the snapshot.
    """
    tables = [table for table in await _tables(database) if table.name != "alembic_version"]
    async with database.transaction():
        await database.execute("SET LOCAL session_replication_role = replica")
        await database.execute(f"TRUNCATE {', '.join(table.sql for table in tables)}")
        for table in tables:
            with archive.unpacked(table.member) as path:
                status = await database.copy_to_table(
                    table.name, schema_name=table.schema, columns=table.columns, source=path, format="binary"
                )
            _check_rows(table, int(status.split()[-1]), facts["rows"])
        for sequence in facts["sequences"]:
            name = f'"{sequence["schema"]}"."{sequence["name"]}"'
            await database.execute("SELECT setval($1::regclass, $2, $3)", name, sequence["value"], sequence["called"])
        yield [row["id"] for row in await database.fetch("SELECT id FROM auth.tenants")]


def _check_rows(table: Table, count: int, rows: Mapping[str, int]) -> None:
    expected = rows[f"{table.schema}.{table.name}"]
    if count != expected:
        raise CliError(f"{table.sql} has {count} rows and must have {expected}. Nothing was stored.", ExitCode.FAILED)


async def _tables(database: Any) -> list[Table]:
    rows = await database.fetch(_TABLES, list(SCHEMAS))
    return [Table(row["schema"], row["name"], tuple(row["columns"])) for row in rows]
