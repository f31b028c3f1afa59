"""The processes of the four services, and their settings."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from segops_local.processes.forks import Forks
from segops_local.processes.host import child_environment
from segops_local.processes.probe import HttpAnswer, http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.state.ports import HOST

SERVICES = ("auth", "ingest", "segments", "membership")


@dataclass(frozen=True, slots=True)
class Role:
    """`python -m segops_<service> <role>`, kept running."""

    service: str
    role: str

    @property
    def name(self) -> str:
        return f"{self.service}.{self.role}"

    @property
    def is_api(self) -> bool:
        return self.role == "api"

    @property
    def internal(self) -> str:
        """The name of its internal port: an API has two ports, a consumer one."""
        return f"{self.name}.internal" if self.is_api else self.name


ROLES = (
    Role("auth", "api"),
    Role("ingest", "api"),
    Role("segments", "api"),
    Role("membership", "api"),
    Role("ingest", "sink"),
    Role("segments", "outbox"),
    Role("segments", "results"),
    Role("membership", "worker"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses of the engines and of the services that others call."""

    postgres: Mapping[str, Mapping[str, str]]
    """By process: the variables with its addresses. Each service has a role of its own, ingest has none."""
    redis: Mapping[str, str]
    """By service: each signs in as a user of its own."""
    event_log: Mapping[str, str]
    """By service. Auth has none."""
    clickhouse: Mapping[str, Mapping[str, str]]
    """By process, such as `ingest.sink`: the variables with its addresses. Most processes have none."""
    auth: str
    membership: str
    segments: str
    gateway: str
    processes: Mapping[str, str]
    """The internal address of each process, for the status that owners read."""


def environment(process: str, *, addresses: Addresses, state: StateFolder, request_timeout_s: int) -> dict[str, str]:
    """Return the environment of a process, such as `ingest.sink`. It holds no address or secret that others need."""
    service = process.partition(".")[0]
    # Made by the first call, which is for `migrate`: a secret that is missing when there are data stops the start.
    token, pepper, signing_key = state.secret("service-token"), state.secret("api-key-pepper"), state.signing_key()
    settings = {
        "SEGOPS_ENV": "production",
        "SEGOPS_HTTP_HOST": HOST,
        # The gateway is the only proxy. It appends the address of its caller to X-Forwarded-For.
        "SEGOPS_TRUSTED_PROXIES": f"{HOST}/32",
        # Draining helps load balancers that still send requests; our gateway stops first.
        "SEGOPS_DRAIN_S": "0",
        "SEGOPS_REQUEST_TIMEOUT_S": str(request_timeout_s),
        **addresses.postgres.get(process, {}),
        **addresses.clickhouse.get(process, {}),
    }
    if process.endswith(".api"):
        settings["SEGOPS_SERVICE_TOKEN"] = token
        settings["SEGOPS_AUTH_URL"] = addresses.auth
    if process.endswith(".api") or process == "membership.worker":
        settings["SEGOPS_REDIS_URL"] = addresses.redis[service]
    called = {
        "ingest.api": {"SEGOPS_SEGMENTS_URL": addresses.segments},
        "segments.api": {"SEGOPS_MEMBERSHIP_URL": addresses.membership},
    }
    settings |= called.get(process, {})
    if service in addresses.event_log and process != "segments.api":
        settings["SEGOPS_EVENT_LOG_URL"] = addresses.event_log[service]
    settings |= _of_people(process, state)
    if process == "membership.api":
        settings["SEGOPS_SERVICE_ADDRESSES"] = ",".join(f"{name}={url}" for name, url in addresses.processes.items())
    if process == "auth.api":
        settings["SEGOPS_API_KEY_PEPPER"] = pepper
        settings["SEGOPS_PUBLIC_URL"] = addresses.gateway
        settings["SEGOPS_MAIL_URL"] = state.mails.as_uri()
        settings["SEGOPS_JWT_PRIVATE_KEY_FILE"] = str(signing_key)
    return child_environment() | settings


def _of_people(process: str, state: StateFolder) -> dict[str, str]:
    """Return what processes need that export or erase people."""
    settings = {}
    if process in ("ingest.api", "ingest.sink", "membership.api", "membership.worker"):
        settings["SEGOPS_SUPPRESSION_KEY"] = state.later_secret("suppression-key")
    if process in ("membership.api", "membership.worker"):
        settings["SEGOPS_EXPORTS_URL"] = (state.root / "exports").absolute().as_uri()
        settings["SEGOPS_ACTIVATION_KEY"] = state.later_secret("activation-key")
    return settings


def service_forks(state: StateFolder, variables: Mapping[str, str]) -> Forks:
    """Return what starts the programs of all services. `variables` are those that all have in common."""
    return Forks(
        modules=[f"segops_{service}.app" for service in SERVICES],
        environment={**child_environment(), **variables},
        folder=state.root,
        log=state.logs / "services.start.log",
    )


def migration(service: str, *, environment: Mapping[str, str], state: StateFolder, forks: Forks) -> Command:
    """Return the command that brings a service's tables up to date and exits."""
    return Command(
        argv=[sys.executable, "-m", f"segops_{service}", "migrate"],
        environment=environment,
        log=state.logs / f"{service}.migrate.log",
        folder=state.root,
        forks=forks,
    )


class ServiceProcess(Server):
    """One role, ready when its `/readyz` says so. Its environment may be changed between two starts."""

    def __init__(
        self,
        role: Role,
        *,
        port: int,
        internal_port: int,
        environment: Mapping[str, str],
        state: StateFolder,
        forks: Forks,
    ) -> None:
        """`port` is that of the API. A consumer has none, and listens on its internal port only."""
        self.role = role
        self.internal_port = internal_port
        self._forks = forks
        self.name = self.title = role.name
        self.environment = dict(environment)
        super().__init__(state.root, port)
        self.log = state.logs / f"{role.name}.log"

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def command(self, port: int) -> Command:
        return Command(
            argv=[sys.executable, "-m", f"segops_{self.role.service}", self.role.role],
            environment=self.environment | self._ports(port),
            log=self.log,
            folder=self.state_dir,
            stop_timeout_s=40.0,
            forks=self._forks,
        )

    def _ports(self, port: int) -> dict[str, str]:
        api = {"SEGOPS_HTTP_PORT": str(port)} if self.role.is_api else {}
        return api | {"SEGOPS_INTERNAL_PORT": str(self.internal_port)}

    async def readiness(self) -> HttpAnswer:
        """Return its answer to `/readyz`."""
        return await http("GET", HOST, self.internal_port, "/readyz", timeout_s=2.0)

    async def metrics(self) -> HttpAnswer:
        """Return its answer to `/metrics`."""
        return await http("GET", HOST, self.internal_port, "/metrics", timeout_s=5.0)

    async def answers(self) -> bool:
        return (await self.readiness()).status == 200
