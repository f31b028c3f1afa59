"""The whole product on one machine: started in parallel, restarted on failure, stopped in order."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from segops_common.core.tasks import spawn
from segops_local.artifacts.builder import Builder
from segops_local.errors import LocalError, reason_of
from segops_local.processes.forks import Forks
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.state.ports import HOST, let_go
from segops_local.state.secrets import write_private
from segops_local.supervisor.mailbox import Mailbox
from segops_local.supervisor.metrics_page import prometheus_config
from segops_local.supervisor.migrations import Migrations
from segops_local.supervisor.services import SERVICES, service_forks
from segops_local.supervisor.status import StatusServer
from segops_local.supervisor.topology import EventLogKind, Options, Topology, check_port

_FIRST_DELAY_S = 0.2
_STEADY_S = 30.0


def silent(_line: str) -> None:
    """Print nothing."""


class LocalStack:
    """All engines, services and the gateway, with their data in one state folder.

    `port` is the gateway's; 0 picks a free one. `env` adds variables to processes, by name (`ingest.sink`), or to all
    under `*`. A process that ends unexpectedly is restarted after a delay, which doubles up to `restart_max_delay_s`.
    `shards` is the number of ClickHouse's servers, for tests. `build` makes what the gateway serves as files while the engines start; without it, what was built before is served.
    """

    def __init__(
        self,
        state_dir: Path,
        port: int = 0,
        event_log: EventLogKind = "valkey",
        env: Mapping[str, Mapping[str, str]] | None = None,
        *,
        restart_max_delay_s: float = 10.0,
        shards: int = 1,
        say: Callable[[str], None] = silent,
        build: Callable[[Builder], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.state = StateFolder(state_dir)
        self._options = Options(port=port, event_log=event_log, env=env or {}, shards=shards)
        self._restart_max_delay_s = restart_max_delay_s
        self._say = say
        self._build = build
        self._building: asyncio.Task[None] | None = None
        self._preloading: asyncio.Task[LocalError | None] | None = None
        self._held = contextlib.ExitStack()
        self._restarters: list[asyncio.Task[None]] = []
        self._built: Topology | None = None
        self._status: StatusServer | None = None
        self._mailbox: Mailbox | None = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.process("gateway").url

    @property
    def metrics_url(self) -> str:
        """The address of the metrics of all processes, which only this machine reaches."""
        return f"http://{HOST}:{self._topology.ports['status']}/metrics"

    @property
    def has_begun(self) -> bool:
        """Whether the last start got as far as the engines: the folder was free, and so was the port."""
        return self._built is not None

    @property
    def mailbox_link(self) -> str:
        """The address of the page with all mails, with the token that it needs."""
        if self._mailbox is None:
            raise LocalError("The stack has not been started yet.")
        return self._mailbox.link

    def process(self, name: str) -> Server:
        """Return the process of a service, such as `ingest.sink`, or the gateway."""
        return {server.name: server for server in self._topology.all()}[name]

    def engine(self, name: str) -> Server:
        """Return `postgres`, `valkey`, `clickhouse`, or `kafka` if it has the event log."""
        return self._topology.engines[name]

    async def start(self) -> None:
        """Return when everything answers. Raises LocalError with the reason in one line, after stopping what had started."""
        try:
            await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError):
                raise LocalError(f"The product could not start: {reason_of(error)}.") from error
            raise

    async def stop(self) -> None:
        """Stop everything in order: the gateway, the APIs, the workers, the engines."""
        await self._cancel_build()
        await self._cancel_restarters()
        for group in self._built.stopping_order() if self._built is not None else ():
            await asyncio.gather(*(server.stop() for server in group))
        await self._release()

    async def kill(self) -> None:
        """Send SIGKILL to everything."""
        await self._cancel_build()
        await self._cancel_restarters()
        for server in self._built.all() if self._built is not None else ():
            server.kill(stay_down=True)
        await self._release()

    @property
    def _topology(self) -> Topology:
        if self._built is None:
            raise LocalError("The stack has not been started yet.")
        return self._built

    async def _start(self) -> None:
        if not self.state.root.exists():
            check_port(self._options.port)
        self._held.enter_context(self.state.hold())
        orphan_reaper = await asyncio.to_thread(OrphanReaper, self.state.root / "processes.json")
        self._held.callback(orphan_reaper.dismiss)
        # A gateway that a killed supervisor left behind is gone by now.
        check_port(self._options.port)
        forks = service_forks(self.state, self._options.variables())
        self._held.callback(forks.close)
        self._built = topology = Topology(
            state=self.state, options=self._options, orphan_reaper=orphan_reaper, forks=forks
        )
        self._preloading = spawn(_preloaded(forks), name="preload")
        if self._build is not None:
            builder = Builder(say=self._say, log=self.state.logs / "build.log", reaper=orphan_reaper)
            self._building = spawn(self._build(builder), name="build")
        self._say(f"Starting {_joined(engine.title for engine in topology.engines.values())}")
        await _together(engine.start() for engine in topology.engines.values())
        if (error := await self._preloading) is not None:
            raise error
        migrations = Migrations(topology)
        if not await asyncio.to_thread(migrations.are_done):
            self._say("Bringing the tables up to date")
            await migrations.run()
        self._say(f"Starting the services {_joined(SERVICES)}")
        topology.make_services()
        self._held.callback(let_go, topology.ports.values())
        await self._start_own_servers(topology)
        await _together(self._start_server(server) for server in topology.all())
        self._restarters = [
            spawn(self._restart_when_down(server), name=f"restart {server.name}") for server in topology.all()
        ]

    async def _start_own_servers(self, topology: Topology) -> None:
        """Serve the status, the metrics and the mails, and write a configuration for Prometheus."""
        ports = topology.ports
        self._status = StatusServer(
            engines=tuple(topology.engines.values()), services=tuple(topology.services.values())
        )
        await self._status.start(ports["status"])
        prometheus = self.state.root.absolute() / "prometheus.yml"
        write_private(prometheus, prometheus_config(prometheus, f"{HOST}:{ports['status']}"))
        self._mailbox = Mailbox(folder=self.state.mails, url=f"http://{HOST}:{ports['gateway']}")
        await self._mailbox.start(ports["mailbox"])

    async def _start_server(self, server: Server) -> None:
        if server is self._topology.gateway and self._building is not None:
            await self._building  # the gateway copies the files when it starts
        await server.start()

    async def _restart_when_down(self, server: Server) -> None:
        """Restart the server whenever it is down although it should run."""
        delay = _FIRST_DELAY_S
        while True:
            began = time.monotonic()
            await server.wait_until_down()
            if time.monotonic() - began > _STEADY_S:
                delay = _FIRST_DELAY_S
            self._say(f"{server.name} ended: {server.failure}; restarting it in {delay:.1f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._restart_max_delay_s)
            if server.should_run:
                await self._try(server)

    async def _try(self, server: Server) -> None:
        try:
            await server.start()
        except LocalError as error:
            self._say(str(error))

    async def _cancel_build(self) -> None:
        if self._building is not None:
            self._building.cancel()
            await asyncio.gather(self._building, return_exceptions=True)

    async def _cancel_restarters(self) -> None:
        for restarter in self._restarters:
            restarter.cancel()
        await asyncio.gather(*self._restarters, return_exceptions=True)
        self._restarters = []

    async def _release(self) -> None:
        if self._status is not None:
            await self._status.stop()
        self._status = None
        if self._mailbox is not None:
            await self._mailbox.stop()
        self._mailbox = None
        self._held.close()
        if self._preloading is not None:
            await asyncio.gather(self._preloading, return_exceptions=True)


async def _preloaded(forks: Forks) -> LocalError | None:
    """Return why the services cannot be imported, None when they are."""
    try:
        await asyncio.to_thread(forks.preload)
    except LocalError as error:
        return error
    return None


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at once. The first failure cancels the others and is raised itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
