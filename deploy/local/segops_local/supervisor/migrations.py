"""Brings the tables of all services up to date, and remembers for which code that was done: it takes seconds."""

import asyncio
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.processes.process import Process, last_words
from segops_local.processes.server import Server
from segops_local.supervisor.services import SERVICES, migration
from segops_local.supervisor.topology import Topology

_TIMEOUT_S = 120.0
_STAMP = "migrated"


class Migrations:
    """`python -m segops_<service> migrate` for every service, at once."""

    def __init__(self, parts: Topology) -> None:
        self._topology = parts

    async def run(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Raises LocalError with the last words of the one that failed."""
        processes = {service: self._begin(service, settings[service]) for service in SERVICES}
        try:
            await asyncio.gather(*(process.wait(_TIMEOUT_S) for process in processes.values()))
        finally:
            codes = {service: process.exit_code for service, process in processes.items()}
            for process in processes.values():
                process.kill()
        failed = [service for service, code in codes.items() if code != 0]
        if failed:
            log = processes[failed[0]].command.log
            raise LocalError(f"The migrations of {failed[0]} failed: {last_words(log)} (all they said is in {log}).")
        for stamp in self._stamps():
            stamp.write_text(_fingerprint())

    def are_done(self) -> bool:
        """Whether they ran with this very code on the data of every engine."""
        wanted = _fingerprint()
        return all(stamp.exists() and stamp.read_text() == wanted for stamp in self._stamps())

    def _begin(self, service: str, settings: Mapping[str, str]) -> Process:
        told = {**settings, **self._topology.options.added(f"{service}.migrate")}
        return Process(migration(service, told=told, state=self._topology.state))

    def _stamps(self) -> Iterable[Path]:
        """One beside the data of each engine, so that a folder put back or deleted takes its stamp along."""
        engines: Iterable[Server] = self._topology.engines.values()
        return [engine.state_dir / _STAMP for engine in engines]


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for package in ("segops_common", *(f"segops_{service}" for service in SERVICES)):
        for file in sorted(_folder(package).rglob("*")):
            if file.suffix in (".py", ".sql"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LocalError(f"The package {package} is not installed: run `make setup`.")
    return Path(spec.origin).parent
