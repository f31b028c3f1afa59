"""Migrations of all services. They take seconds or, for large tables, longer, so they are skipped when this code has already
run them."""

import asyncio
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.processes.process import Process, failure_line
from segops_local.processes.server import Server
from segops_local.state.folder import MIGRATED
from segops_local.state.secrets import write_private
from segops_local.supervisor.services import SERVICES, migration
from segops_local.supervisor.topology import Topology

_TIMEOUT_S = 6 * 3600.0
"""A migration may copy a whole table: some 100,000 events a second."""


class Migrations:
    """Runs `python -m segops_<service> migrate` for every service at once."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    async def run(self) -> None:
        """Bring all tables up to date. Raises LocalError with the reason when a migration fails."""
        processes = {service: self._start(service) for service in SERVICES}
        try:
            await asyncio.gather(*(process.wait(_TIMEOUT_S) for process in processes.values()))
        finally:
            codes = {service: process.exit_code for service, process in processes.items()}
            for process in processes.values():
                process.kill()
        failed = [service for service, code in codes.items() if code != 0]
        if failed:
            log = processes[failed[0]].command.log
            raise LocalError(f"The migrations of {failed[0]} failed: {failure_line(log)} (full log: {log}).")
        for stamp in self._stamps():
            write_private(stamp, _fingerprint())

    def are_done(self) -> bool:
        """Return whether this version of the code has migrated the data of every engine."""
        fingerprint = _fingerprint()
        return all(stamp.exists() and stamp.read_text().strip() == fingerprint for stamp in self._stamps())

    def _start(self, service: str) -> Process:
        environment = self._topology.environment(f"{service}.migrate")
        return Process(
            migration(service, environment=environment, state=self._topology.state, forks=self._topology.forks)
        )

    def _stamps(self) -> Iterable[Path]:
        """Return a stamp file for each engine, in its folder: a folder that is restored or deleted takes its stamp along."""
        engines: Iterable[Server] = self._topology.engines.values()
        return [engine.state_dir / MIGRATED for engine in engines]


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for package in ("segops_common", *(f"segops_{service}" for service in SERVICES)):
        for file in sorted(_folder(package).rglob("*")):
            if file.suffix in (".py", ".sql", ".toml"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LocalError(f"The package {package} is not installed: run `make setup`.")
    return Path(spec.origin).parent
