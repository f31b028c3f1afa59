"""The whole product under a supervisor that a test may kill, and its processes by name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from segops_local.engines import ClickHouseEngine, ValkeyEngine
from segops_local.processes.family import Family, from_json, members
from segops_local.supervisor.services import ROLES
from tests.faults.product.supervisor import UP
from tests.node import ROOT
from tests.shared.resources import LOOPBACK

ENGINES = ("postgres", "valkey", "clickhouse")
PROCESSES = (*(role.name for role in ROLES), *ENGINES, "gateway")
PATIENCE_S = 120.0
"""How long anything that must happen may take on a slow machine."""
_POLL_S = 0.1
_COMM_BYTES = 15
"""How much of a name the kernel keeps. A process of a service is a fork, which has a name and no command line of its own."""
_SERVICES = {role.name[:_COMM_BYTES]: role.name for role in ROLES}
_MARKS = {
    "postgres": "/postgres -D ",
    "valkey": "/valkey-server",
    "clickhouse": "clickhouse_host.py",
    "gateway": "nginx",
}
_CRASH = re.compile(r"crash point (\w+) reached")
SHORT_LEASES: Mapping[str, str] = {
    "SEGOPS_RUN_LEASE": "PT20S",
    "SEGOPS_TENANT_LEASE_S": "2",
    "SEGOPS_INGEST_WAIT_S": "5",
}


async def until(holds: Callable[[], bool], what: str) -> None:
    """Return when it holds. Raises AssertionError when it takes far too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(_POLL_S)
            return
    raise AssertionError(f"this did not happen in {PATIENCE_S:.0f} s: {what}")


@dataclass(slots=True)
class Product:
    """A running product: processes by name, engines, and a supervisor that can be killed and started again."""

    state: Path
    log: Path
    crash_at: str = ""
    """Crash points of processes that start from now on."""
    _supervisor: Process | None = field(default=None)

    @property
    def url(self) -> str:
        """The gateway's address, the same after every start."""
        return f"http://127.0.0.1:{json.loads((self.state / 'ports.json').read_text())['gateway']}"

    @property
    def _environment(self) -> Mapping[str, Mapping[str, str]]:
        everywhere = dict(SHORT_LEASES)
        if self.crash_at:
            everywhere |= {"SEGOPS_ENV": "test", "SEGOPS_CRASH_AT": self.crash_at}
        return {"*": everywhere, **LOOPBACK}

    @property
    def clickhouse_url(self) -> str:
        """The address for the owner of the tables."""
        folder = self.state / "clickhouse"
        return ClickHouseEngine(folder, int((folder / "port").read_text())).url

    @property
    def valkey(self) -> ValkeyEngine:
        """The addresses of Valkey."""
        folder = self.state / "valkey"
        return ValkeyEngine(folder, int((folder / "port").read_text()))

    async def start(self) -> None:
        """Return when everything answers."""
        with self.log.open("ab") as log:
            self._supervisor = supervisor = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "tests.faults.product.supervisor",
                    str(self.state),
                    json.dumps(self._environment),
                ),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                cwd=ROOT,
            )
        assert supervisor.stdout is not None
        assert await supervisor.stdout.readline() == UP, self.log.read_text()[-2000:]

    async def stop(self) -> None:
        """Stop everything in good order."""
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            await self._supervisor.wait()

    async def restart(self, crash_at: str) -> None:
        """Stop everything in good order, and start it with other crash points."""
        await self.stop()
        self.crash_at = crash_at
        await self.start()

    def crashes(self) -> dict[str, set[str]]:
        """Return the crash points that were reached, by process."""
        texts = {role.name: (self.state / "logs" / f"{role.name}.log").read_text() for role in ROLES}
        return {name: set(_CRASH.findall(text)) for name, text in texts.items()}

    async def kill_supervisor(self) -> None:
        """Send SIGKILL to the supervisor, and return when all that it had started has ended."""
        families = list(self.families().values())
        assert self._supervisor is not None
        self._supervisor.kill()
        await self._supervisor.wait()
        await until(lambda: not any(map(members, families)), "the end of what the supervisor had started")

    def families(self) -> dict[str, Family]:
        """Return the running processes, by name."""
        try:
            texts = json.loads((self.state / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        families = [family for family in map(from_json, texts) if family is not None]
        return {name: family for family in families if (name := _name(family)) is not None}

    def signal(self, name: str, number: signal.Signals) -> Family:
        """Send a signal: SIGKILL to the first process alone, as the kernel does, others to all processes of that name."""
        family = self.families()[name]
        for pid in {family.pid} if number == signal.SIGKILL else members(family):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family

    async def ready(self) -> None:
        """Return when every process is ready."""
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client, asyncio.timeout(PATIENCE_S):
            while not await _is_ready(client):
                await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def running(folder: Path, state: Path) -> AsyncIterator[Product]:
    """Run the product with its data in `state`."""
    product = Product(state, folder / "supervisor.log")
    try:
        await product.start()
        yield product
    finally:
        await product.stop()


def _name(family: Family) -> str | None:
    process = Path(f"/proc/{family.pid}")
    try:
        line, comm = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(), (process / "comm").read_text()
    except OSError:
        return None
    if (service := _SERVICES.get(comm.strip())) is not None:
        return service
    return next((name for name, mark in _MARKS.items() if mark in line), None)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get("/readyz")).status_code == 200
    return False
