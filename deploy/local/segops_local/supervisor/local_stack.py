"""The whole product on one machine: started in parallel, kept running, stopped in order."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from segops_common.core.tasks import spawn
from segops_local.errors import LocalError
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.supervisor.migrations import Migrations
from segops_local.supervisor.services import SERVICES
from segops_local.supervisor.status import StatusServer
from segops_local.supervisor.topology import EventLogKind, Options, Topology, check_port

_FIRST_DELAY_S = 0.2
_STEADY_S = 30.0


def silent(_line: str) -> None:
    """Say nothing."""


class LocalStack:
    """All engines, services and the gateway over one state folder.

    `port` is the gateway's, 0 for a free one. `env` adds variables to processes, by name (`ingest.sink`), or to all
    under `*`. What ends by itself is started again, after a delay that doubles up to `restart_max_delay_s`.
    """

    def __init__(
        self,
        state_dir: Path,
        port: int = 0,
        event_log: EventLogKind = "valkey",
        env: Mapping[str, Mapping[str, str]] | None = None,
        *,
        restart_max_delay_s: float = 10.0,
        say: Callable[[str], None] = silent,
    ) -> None:
        self.state = StateFolder(state_dir)
        self._options = Options(port=port, event_log=event_log, env=env or {})
        self._restart_max_delay_s = restart_max_delay_s
        self._say = say
        self._held = contextlib.ExitStack()
        self._keepers: list[asyncio.Task[None]] = []
        self._made: Topology | None = None
        self._status: StatusServer | None = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.process("gateway").url

    def process(self, name: str) -> Server:
        """A service's process such as `ingest.sink`, or `gateway`."""
        return {server.name: server for server in self._topology.all()}[name]

    def engine(self, name: str) -> Server:
        """`postgres`, `valkey`, `clickhouse`, or `kafka` when the event log is there."""
        return self._topology.engines[name]

    async def start(self) -> None:
        """Return when everything answers; on failure nothing is left running and LocalError says why in one line."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything in order: no new request, then the services, then what they stand on."""
        await self._end_keepers()
        for group in self._made.stopping_order() if self._made is not None else ():
            await asyncio.gather(*(server.stop() for server in group))
        await self._release()

    async def kill(self) -> None:
        """SIGKILL to everything, for those who cannot wait."""
        await self._end_keepers()
        for server in self._made.all() if self._made is not None else ():
            server.kill(stay_down=True)
        await self._release()

    @property
    def _topology(self) -> Topology:
        if self._made is None:
            raise LocalError("The stack was not started yet.")
        return self._made

    async def _start(self) -> None:
        check_port(self._options.port)
        self._held.enter_context(self.state.hold())
        orphan_reaper = OrphanReaper()
        self._held.callback(orphan_reaper.dismiss)
        self._made = parts = Topology(state=self.state, options=self._options, orphan_reaper=orphan_reaper)
        self._say(f"Starting {_listed(engine.title for engine in parts.engines.values())}")
        await _together(engine.start() for engine in parts.engines.values())
        migrations = Migrations(parts)
        if not await asyncio.to_thread(migrations.are_done):
            self._say("Bringing the tables up to date")
            await migrations.run(parts.settings())
        self._say(f"Starting the services {_listed(SERVICES)}")
        parts.make_services()
        self._status = StatusServer(engines=tuple(parts.engines.values()), services=tuple(parts.services.values()))
        await self._status.start(parts.ports["status"])
        await _together(server.start() for server in parts.all())
        self._keepers = [spawn(self._keep(server), name=f"keep {server.name}") for server in parts.all()]

    async def _keep(self, server: Server) -> None:
        """Start the server again whenever it ended although it is wanted."""
        delay = _FIRST_DELAY_S
        while True:
            began = time.monotonic()
            await server.missed()
            if time.monotonic() - began > _STEADY_S:
                delay = _FIRST_DELAY_S
            self._say(f"{server.name} ended: {server.last_words}; starting it again in {delay:.1f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._restart_max_delay_s)
            if server.wanted:
                await self._try(server)

    async def _try(self, server: Server) -> None:
        try:
            await server.start()
        except LocalError as error:
            self._say(str(error))

    async def _end_keepers(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []

    async def _release(self) -> None:
        if self._status is not None:
            await self._status.stop()
        self._status = None
        self._held.close()


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; the first failure ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
