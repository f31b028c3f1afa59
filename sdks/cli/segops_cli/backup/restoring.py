"""Restores a backup into an empty installation, whose services do not run yet. Its event log is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from segops_cli.backup import clickhouse, deliveries, postgres, suppressions
from segops_cli.backup.archive import ArchiveReader, read_archive
from segops_cli.backup.installation import Installation, write_secrets
from segops_cli.backup.passphrase import opened
from segops_cli.backup.taking import SECRETS
from segops_cli.clock import Clock

Target = Callable[[dict[str, str]], AbstractAsyncContextManager[Installation]]
"""Takes the secrets and gives the installation with them."""


async def restore(
    path: Path,
    target: Target,
    passphrase: str,
    *,
    clock: Clock,
    say: Callable[[str], None],
    erased: Path | None = None,
) -> dict[str, Any]:
    """Restore a backup; return how many rows there are. Raises CliError before anything is written, if it can.

    `erased` is the newest list of erased people, or a newer backup. The services erase again whom the backup brings back.
    """
    say(f"Checking {path}")
    if erased is not None:
        with read_archive(erased):
            pass
    with read_archive(path) as archive:
        secrets = opened(archive.read(SECRETS), passphrase)
        async with target(secrets) as installation:
            return await _engines(archive, installation, secrets, erased, clock, say)


async def _engines(
    archive: ArchiveReader,
    installation: Installation,
    secrets: Mapping[str, str],
    erased: Path | None,
    clock: Clock,
    say: Callable[[str], None],
) -> dict[str, Any]:
    facts = archive.manifest
    async with (
        postgres.connection(installation.postgres, installation.ca_file) as database,
        clickhouse.connection(installation.clickhouse, installation.ca_file) as server,
    ):
        await postgres.check_empty(database, facts["postgres"])
        await clickhouse.check_empty(server, facts["clickhouse"])
        await asyncio.to_thread(deliveries.check, installation.redis, installation.ca_file)
        if installation.secrets is not None:
            write_secrets(installation.secrets, installation.files)
        say("Memory of deliveries")
        notes = await asyncio.to_thread(deliveries.load, installation.redis, installation.ca_file, archive, clock)
        say("ClickHouse")
        rows = await clickhouse.load(server, archive)
        # Last, in one transaction: until it is there, the installation counts as empty for PostgreSQL, and nobody can sign in.
        say("PostgreSQL")
        async with postgres.loaded(database, archive, facts["postgres"]) as tenants:
            if erased is not None:
                await suppressions.add(server, erased, secrets, tenants)
    return {"clickhouse": rows, "postgres": facts["postgres"]["rows"], "deliveries": notes}
