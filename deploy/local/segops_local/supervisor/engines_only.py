"""The engines of a state folder without the services: for a restore, and the addresses of a stack that runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from segops_local.engines import ClickHouseEngine, PostgresEngine, ValkeyEngine
from segops_local.errors import LocalError
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.state.folder import StateFolder
from segops_local.state.secrets import write_private
from segops_local.supervisor.migrations import Migrations
from segops_local.supervisor.services import service_forks
from segops_local.supervisor.topology import EventLogKind, Options, Topology

_KEPT = (
    "secrets/api-key-pepper",
    "secrets/jwt-private-key.pem",
    "secrets/suppression-key",
    "secrets/activation-key",
    "account.json",
    "event-log",
)
"""Files on which data depend. Passwords of engines and ports are new in each folder."""


def addresses(root: Path) -> dict[str, Any]:
    """Return the addresses of the engines that run on a folder, for those who own the tables, and the files to keep."""
    try:
        ports = {name: int((root / name / "port").read_text()) for name in ("postgres", "clickhouse", "valkey")}
        files = {name: (root / name).read_text().strip() for name in _KEPT if (root / name).exists()}
    except (OSError, ValueError) as error:
        raise LocalError(f"{root} is not the state folder of a stack that runs: {error}.") from None
    return _addresses(
        PostgresEngine(root / "postgres", ports["postgres"]),
        ClickHouseEngine(root / "clickhouse", ports["clickhouse"]),
        ValkeyEngine(root / "valkey", ports["valkey"]),
    ) | {"files": files}


@asynccontextmanager
async def running_engines(root: Path, files: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Run the engines of a new folder with these files, with all tables and no service. Raises LocalError."""
    state = StateFolder(root)
    if state.root.exists() and any(state.root.iterdir()):
        raise LocalError(f"The folder {state.root} must be new or empty: choose another one.")
    with contextlib.ExitStack() as held:
        held.enter_context(state.hold())
        for name in _KEPT:
            if name in files:
                write_private(state.root / name, files[name])
        orphan_reaper = await asyncio.to_thread(OrphanReaper, state.root / "processes.json")
        held.callback(orphan_reaper.dismiss)
        forks = service_forks(state, {})
        held.callback(forks.close)
        await asyncio.to_thread(forks.preload)
        options = Options(port=0, event_log=_event_log(files), env={})
        topology = Topology(state=state, options=options, orphan_reaper=orphan_reaper, forks=forks)
        try:
            await asyncio.gather(*(engine.start() for engine in topology.engines.values()))
            await Migrations(topology).run()
            yield _addresses(topology.postgres, topology.clickhouse, topology.valkey)
        finally:
            await asyncio.gather(*(engine.stop() for engine in topology.engines.values()))


def _event_log(files: Mapping[str, str]) -> EventLogKind:
    return "kafka" if files.get("event-log") == "kafka" else "valkey"


def _addresses(postgres: PostgresEngine, clickhouse: ClickHouseEngine, valkey: ValkeyEngine) -> dict[str, Any]:
    return {"postgres": postgres.url, "clickhouse": clickhouse.url, "redis": valkey.url}
