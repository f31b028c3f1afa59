"""The processes of the four services, and their settings."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

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


def environment(process: str, *, addresses: Addresses, state: StateFolder, request_timeout_s: int) -> dict[str, str]:
    """Return the environment of a process, such as `ingest.sink`. It holds no address or secret that others need."""
    service = process.partition(".")[0]
    settings = {
        "SEGOPS_ENV": "production",
        "SEGOPS_HTTP_HOST": HOST,
        # The gateway is the only proxy. It appends the address of its caller to X-Forwarded-For.
        "SEGOPS_TRUSTED_PROXIES": f"{HOST}/32",
        # Draining helps load balancers that still send requests; our gateway stops first.
        "SEGOPS_DRAIN_S": "0",
        "SEGOPS_REDIS_URL": addresses.redis[service],
        "SEGOPS_AUTH_URL": addresses.auth,
        "SEGOPS_MEMBERSHIP_URL": addresses.membership,
        "SEGOPS_REQUEST_TIMEOUT_S": str(request_timeout_s),
        "SEGOPS_SERVICE_TOKEN": state.secret("service-token"),
        **addresses.postgres.get(process, {}),
        **addresses.clickhouse.get(process, {}),
    }
    if service in addresses.event_log:
        settings["SEGOPS_EVENT_LOG_URL"] = addresses.event_log[service]
    if service == "auth":
        settings["SEGOPS_API_KEY_PEPPER"] = state.secret("api-key-pepper")
        settings["SEGOPS_JWT_PRIVATE_KEY_FILE"] = str(state.signing_key())
    return child_environment() | settings


def migration(service: str, *, environment: Mapping[str, str], state: StateFolder) -> Command:
    """Return the command that brings a service's tables up to date and exits."""
    return Command(
        argv=[sys.executable, "-m", f"segops_{service}", "migrate"],
        environment=environment,
        log=state.logs / f"{service}.migrate.log",
        folder=state.root,
    )


class ServiceProcess(Server):
    """One role, ready when its `/readyz` says so. Its environment may be changed between two starts."""

    ready_poll_s = 0.1  # starting takes a second of processor time, which frequent requests would prolong

    def __init__(self, role: Role, *, port: int, environment: Mapping[str, str], state: StateFolder) -> None:
        self.role = role
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
            environment=self.environment | {"SEGOPS_HTTP_PORT": str(port)},
            log=self.log,
            folder=self.state_dir,
            stop_timeout_s=40.0,
        )

    async def readiness(self) -> HttpAnswer:
        """Return its answer to `/readyz`."""
        return await http("GET", HOST, self.port, "/readyz", timeout_s=2.0)

    async def answers(self) -> bool:
        return (await self.readiness()).status == 200
