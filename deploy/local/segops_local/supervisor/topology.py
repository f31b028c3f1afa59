"""The topology of a stack: its engines, services and gateway, with their ports and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from segops_local.artifacts.console import built_console
from segops_local.artifacts.site import built_site
from segops_local.engines import ClickHouseEngine, KafkaEngine, PostgresEngine, ValkeyEngine
from segops_local.engines.clickhouse_config import USERS
from segops_local.engines.clickhouse_shards import clickhouse_shards, shards_url
from segops_local.errors import LocalError
from segops_local.gateway.nginx import Gateway, RouteTable, load_routes
from segops_local.processes.forks import Forks
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.state.ports import HOST, is_free, remembered_ports
from segops_local.supervisor.services import ROLES, SERVICES, Addresses, ServiceProcess, environment

EventLogKind = Literal["valkey", "kafka"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The caller's choices. `env` adds variables by process name, or to all processes under `*`. `shards` is for tests."""

    port: int
    event_log: EventLogKind
    env: Mapping[str, Mapping[str, str]]
    shards: int = 1

    def variables(self, name: str = "*") -> dict[str, str]:
        """Return the variables of a process, or by default of every process."""
        return {**self.env.get("*", {}), **self.env.get(name, {})}


@dataclass(slots=True, kw_only=True)
class Topology:
    """Everything that runs. The caller must hold the state folder before constructing it."""

    state: StateFolder
    options: Options
    orphan_reaper: OrphanReaper
    forks: Forks
    postgres: PostgresEngine = field(init=False)
    valkey: ValkeyEngine = field(init=False)
    clickhouse: ClickHouseEngine = field(init=False)
    """The only server, or the first shard."""
    shards: Sequence[ClickHouseEngine] = field(init=False)
    engines: dict[str, Server] = field(init=False)
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    gateway: Gateway | None = None
    routes: RouteTable = field(default_factory=load_routes)
    ports: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        _check_event_log(self.state, self.options.event_log)
        self.engines = {engine.name: self._supervised(engine) for engine in self._make_engines()}
        self._choose_ports()

    def all(self) -> tuple[Server, ...]:
        return tuple(server for group in self.stopping_order() for server in group)

    def stopping_order(self) -> tuple[tuple[Server, ...], ...]:
        """Return the groups to stop one after the other: the gateway, the APIs, the workers, the engines."""
        apis = tuple(service for service in self.services.values() if service.role.is_api)
        workers = tuple(service for service in self.services.values() if not service.role.is_api)
        gateways = (self.gateway,) if self.gateway is not None else ()
        return (gateways, apis, workers, tuple(self.engines.values()))

    def environment(self, process: str) -> dict[str, str]:
        """Return the environment of a process, such as `ingest.sink`. It contains addresses, so the engines must run."""
        addresses = Addresses(
            postgres=self._postgres_addresses(),
            redis={service: self.valkey.url_for(f"segops_{service}") for service in SERVICES},
            clickhouse=self._clickhouse_addresses(),
            event_log={service: self._event_log_address(service) for service in SERVICES if service != "auth"},
            auth=f"http://{HOST}:{self.ports['auth.api.internal']}",
            membership=f"http://{HOST}:{self.ports['membership.api.internal']}",
            segments=f"http://{HOST}:{self.ports['segments.api.internal']}",
            gateway=f"http://{HOST}:{self.ports['gateway']}",
            processes={role.name: f"http://{HOST}:{self.ports[role.internal]}" for role in ROLES},
        )
        settings = environment(process, addresses=addresses, state=self.state, request_timeout_s=self.routes.timeout_s)
        return {**settings, **self.options.variables(process)}

    def _event_log_address(self, service: str) -> str:
        kafka = self.engines.get("kafka")
        return kafka.url if kafka is not None else self.valkey.event_log_url_for(f"segops_{service}")

    def _postgres_addresses(self) -> dict[str, dict[str, str]]:
        urls, owner = self.postgres.service_urls, {"SEGOPS_MIGRATE_POSTGRES_URL": self.postgres.owner_url}
        processes = {role.name: role.service for role in ROLES if role.service in urls}
        addresses = {process: {"SEGOPS_POSTGRES_URL": urls[service]} for process, service in processes.items()}
        return addresses | {
            f"{service}.migrate": {"SEGOPS_POSTGRES_URL": url, **owner} for service, url in urls.items()
        }

    def _clickhouse_addresses(self) -> dict[str, dict[str, str]]:
        users = {user.name: shards_url(self.shards, user) for user in USERS}
        owner = {"SEGOPS_CLICKHOUSE_URL": users["segops"]}
        return {
            "ingest.migrate": owner,
            "ingest.api": {"SEGOPS_CLICKHOUSE_URL": users["segops_letters"]},
            "ingest.sink": {"SEGOPS_CLICKHOUSE_URL": users["segops_sink"]},
            "membership.migrate": owner,
            "membership.api": {
                "SEGOPS_CLICKHOUSE_URL": users["segops_numbering"],
                "SEGOPS_CLICKHOUSE_READER_URL": users["segops_reader"],
            },
            "membership.worker": {"SEGOPS_CLICKHOUSE_URL": users["segops_worker"]},
        }

    def make_services(self) -> None:
        """Add all processes and the gateway, on ports that are still free after the engines have started."""
        self._choose_ports()
        for role in ROLES:
            settings = self.environment(role.name)
            service = ServiceProcess(
                role,
                port=self.ports[role.name],
                internal_port=self.ports[role.internal],
                environment=settings,
                state=self.state,
                forks=self.forks,
            )
            self.services[role.name] = service
            self._supervised(service)
        upstreams = {service: self.ports[f"{service}.api"] for service in SERVICES} | {
            name: self.ports[name] for name in ("status", "mailbox")
        }
        self.gateway = Gateway(
            self.state.root / "gateway",
            self.ports["gateway"],
            upstreams=upstreams,
            table=self.routes,
            console=built_console,
            site=built_site,
        )
        self._supervised(self.gateway)

    def _choose_ports(self) -> None:
        services = {name for role in ROLES for name in (role.name, role.internal)}
        names = ["gateway", "status", "mailbox", *sorted(services)]
        self.ports = remembered_ports(self.state.root / "ports.json", names)
        self.ports["gateway"] = self.options.port or self.ports["gateway"]

    def _make_engines(self) -> tuple[Server, ...]:
        root = self.state.root
        self.postgres = PostgresEngine(root / "postgres")
        self.valkey = ValkeyEngine(root / "valkey")
        self.shards = clickhouse_shards(root / "clickhouse", self.options.shards, bucket=self._bucket())
        self.clickhouse = self.shards[0]
        engines = (self.postgres, self.valkey, *self.shards)
        return (*engines, KafkaEngine(root / "kafka")) if self.options.event_log == "kafka" else engines

    def _bucket(self) -> str | None:
        """Return where the caller's variables tell the worker to write exports, unless that is a folder."""
        url = self.options.variables("membership.worker").get("SEGOPS_EXPORTS_URL", "")
        return url if url.startswith("http") else None

    def _supervised(self, server: Server) -> Server:
        server.orphan_reaper = self.orphan_reaper
        server.log = self.state.logs / f"{server.name}.log"
        return server


def check_port(port: int) -> None:
    """Raise LocalError when a server could not listen there; 0 means any port."""
    if port and not is_free(port):
        raise LocalError(
            f"Port {port} is already taken: stop the program that listens there, or choose another with `make run PORT={port + 1}`."
        )


def _check_event_log(state: StateFolder, event_log: EventLogKind) -> None:
    """Refuse to change the event log: acknowledged events that are not stored yet would stay in the other one."""
    first = state.first_value("event-log", event_log)
    if first != event_log:
        way = "without KAFKA=1" if first == "valkey" else "with KAFKA=1"
        raise LocalError(
            f"The state folder {state.root} keeps its event log in {first}: run {way}, or choose another folder with STATE=."
        )
