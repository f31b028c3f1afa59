"""Takes a backup. The order is the protocol: PostgreSQL, then the events, then ClickHouse, then the deliveries.

1. One snapshot of PostgreSQL, in which no change is between two services.
2. Wait until every event that was acknowledged before that is stored.
3. ClickHouse, without rows that PostgreSQL had not decided. What it had decided is there: it is written before, and only
   rows of static lists are ever deleted. They are read first, and a list that lost rows meanwhile fails the backup. Rows of
   people who are erased meanwhile are deleted too: the list of erased people is in the backup, and they are erased again.
4. The memory of deliveries, so that it knows at least every event of the backup.
"""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from segops_cli.api.client import Api
from segops_cli.backup import clickhouse, deliveries, postgres
from segops_cli.backup.archive import ArchiveWriter, new_archive
from segops_cli.backup.installation import Installation
from segops_cli.backup.passphrase import sealed
from segops_cli.clock import Clock
from segops_cli.errors import CliError, ExitCode

SECRETS: Final = "secrets.sealed"
_ATTEMPTS: Final = 300
_PAUSE_S: Final = 1.0


async def take(
    path: Path, installation: Installation, api: Api, passphrase: str, *, clock: Clock, say: Callable[[str], None]
) -> dict[str, Any]:
    """Write a backup; return the facts about it. Raises CliError."""
    secrets = sealed(installation.files, passphrase)
    with new_archive(path) as archive:
        archive.add(SECRETS, secrets)
        facts = await _engines(archive, installation, api, clock, say)
        facts |= {"taken_at": email.utils.formatdate(clock(), usegmt=True)}
        archive.finish(facts)
    return facts


async def _engines(
    archive: ArchiveWriter, installation: Installation, api: Api, clock: Clock, say: Callable[[str], None]
) -> dict[str, Any]:
    async with (
        postgres.connection(installation.postgres, installation.ca_file) as database,
        clickhouse.connection(installation.clickhouse, installation.ca_file) as server,
    ):
        await asyncio.to_thread(deliveries.check, installation.redis, installation.ca_file)
        say("Waiting for a moment without changes in flight")
        async with postgres.snapshot(database):
            say("PostgreSQL")
            decided = await postgres.decided(database)
            relational = await postgres.dump(database, archive)
        await _all_stored(api, say)
        say("ClickHouse")
        partitions = await clickhouse.dump_lists(server, archive, decided)
        await postgres.check_lists(database, decided)
        partitions |= await clickhouse.dump(server, archive, decided)
        warehouse = {"partitions": partitions, "migrations": await clickhouse.migrations(server)}
    say("Memory of deliveries")
    notes = await asyncio.to_thread(deliveries.dump, installation.redis, installation.ca_file, archive, clock)
    return {"postgres": relational, "clickhouse": warehouse, "deliveries": notes}


async def _all_stored(api: Api, say: Callable[[str], None]) -> None:
    """Return when every event that was acknowledged before is in ClickHouse."""
    began: float | None = None
    for _ in range(_ATTEMPTS):
        status = await asyncio.to_thread(lambda: api.get("/api/status/", **api.tenant))
        now = datetime.fromisoformat(status["at"]).astimezone(UTC).timestamp()
        began = now if began is None else began
        storage = status["storage"]
        if storage["behind_records"] == 0:
            return
        if storage["behind_records"] is not None and now - (storage["behind_seconds"] or 0) > began:
            return
        say(f"Waiting for {storage['behind_records']} records of events to be stored")
        await asyncio.sleep(_PAUSE_S)
    raise CliError(
        "Acknowledged events are not stored yet.", ExitCode.UNAVAILABLE, advice="Look at `segops doctor` and repeat."
    )
