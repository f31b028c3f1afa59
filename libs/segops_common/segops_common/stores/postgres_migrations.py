"""Alembic migrations of a service's own schema, under a lock so that concurrent `migrate` roles do not conflict."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from segops_common.stores.postgres import connection_arguments
from segops_common.stores.postgres_address import DIRECT, PostgresAccess, postgres_target

VERSION_TABLE = "alembic_version"


async def migrate_postgres(
    url: str, schema: str, folder: Path, *, check: bool = False, access: PostgresAccess = DIRECT
) -> list[str]:
    """Upgrade the schema to the newest revision of `folder/versions`, and return the pending revisions, oldest first.

    With `check`, change nothing. One transaction contains everything, so a failure leaves the schema unchanged.
    """
    engine = create_async_engine(postgres_target(url).url, connect_args=connection_arguments(url, access))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_migrate, schema, folder, check)
    finally:
        await engine.dispose()


def _migrate(connection: sa.Connection, schema: str, folder: Path, check: bool) -> list[str]:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"segops:{schema}"})
    if not check:
        connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    script = ScriptDirectory.from_config(_config(folder))
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "version_table_schema": schema}
    )
    current = context.get_current_heads()
    pending = list(reversed(list(script.iterate_revisions("heads", current or "base"))))
    if not check:
        connection.execute(sa.text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
        _apply(context, script, pending)
    return [revision.revision for revision in pending]


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _apply(context: MigrationContext, script: ScriptDirectory, pending: list[Script]) -> None:
    context._ensure_version_table()
    with Operations.context(context):
        for revision in pending:
            module = revision.module
            module.upgrade()
            context.stamp(script, revision.revision)
