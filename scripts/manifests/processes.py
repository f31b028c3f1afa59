"""The processes of a deployment: what each of them connects to, and what it needs of a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from segops_common.contracts.topics import COMPUTE_JOBS, EVENTS, SINK_GROUP, Topic
from segops_local.supervisor.services import ROLES, SERVICES
from segops_membership.bootstrap import WORKER_GROUP

HTTP_PORT: Final = 8000
"""Where gateways reach an API, the console and our own gateway."""
INTERNAL_PORT: Final = 8001
"""Where a process serves `/internal/`, health and metrics."""
USER: Final = 65532
"""The user and group of every container: the `nonroot` of images without a shell."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A server that SegOps does not deploy in production."""

    name: str
    port: int


POSTGRES: Final = Engine("postgres", 5432)
REDIS: Final = Engine("redis", 6379)
CLICKHOUSE: Final = Engine("clickhouse", 8123)
EVENT_LOG: Final = Engine("event-log", 9092)
MAIL: Final = Engine("mail", 587)
EXPORTS: Final = Engine("exports", 443)
RECEIVERS: Final = Engine("receivers", 443)
"""Where activations send to."""
ENGINES: Final = (POSTGRES, REDIS, CLICKHOUSE, EVENT_LOG, MAIL, EXPORTS, RECEIVERS)


@dataclass(frozen=True, slots=True)
class Lag:
    """The consumer group whose distance from the end of a topic says how many replicas are needed."""

    group: str
    topic: Topic
    records_per_replica: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`python -m segops_<service> <role>`, as a Deployment.

    `uses` names engines, `calls` names processes by their HTTP interface. `cpu` and `memory` are requests; `memory_limit`
    ends a process that takes more. `temporary` bounds its files in /tmp.
    """

    service: str
    role: str
    uses: tuple[Engine, ...]
    calls: tuple[str, ...] = ()
    cpu: str = "100m"
    memory: str = "192Mi"
    memory_limit: str = "512Mi"
    temporary: str = "64Mi"
    replicas: int = 2
    max_replicas: int = 2
    lag: Lag | None = None

    @property
    def name(self) -> str:
        """The name as in the status: `ingest.sink`."""
        return f"{self.service}.{self.role}"

    @property
    def object_name(self) -> str:
        """The name of its objects in Kubernetes, and its host name."""
        return f"segops-{self.service}-{self.role}"

    @property
    def is_api(self) -> bool:
        """Whether a gateway sends requests to it."""
        return self.role == "api"

    @property
    def ports(self) -> dict[str, int]:
        """The ports that it listens on, by their names: a consumer serves no requests of clients."""
        return {**({"http": HTTP_PORT} if self.is_api else {}), "internal": INTERNAL_PORT}

    @property
    def internal_url(self) -> str:
        """The base address for other processes."""
        return f"http://{self.object_name}:{INTERNAL_PORT}"


_CONSUMERS: Final = tuple(role.name for role in ROLES if not role.is_api)

PROCESSES: Final = (
    Process(
        service="auth",
        role="api",
        uses=(POSTGRES, REDIS, MAIL),
        cpu="250m",
        max_replicas=6,
    ),
    Process(
        service="ingest",
        role="api",
        uses=(REDIS, EVENT_LOG, CLICKHOUSE),
        calls=("auth.api", "segments.api"),
        cpu="500m",
        memory="256Mi",
        max_replicas=20,
    ),
    Process(
        service="ingest",
        role="sink",
        uses=(EVENT_LOG, CLICKHOUSE),
        cpu="500m",
        memory="256Mi",
        memory_limit="1Gi",
        max_replicas=EVENTS.partitions,
        lag=Lag(SINK_GROUP, EVENTS, records_per_replica=1_000),
    ),
    Process(
        service="segments",
        role="api",
        uses=(POSTGRES, REDIS),
        calls=("auth.api", "membership.api"),
        cpu="250m",
        # An upload of a static list waits in a file until it is complete.
        temporary="2Gi",
        max_replicas=6,
    ),
    Process(service="segments", role="outbox", uses=(POSTGRES, EVENT_LOG)),
    Process(service="segments", role="results", uses=(POSTGRES, EVENT_LOG)),
    Process(
        service="membership",
        role="api",
        uses=(POSTGRES, REDIS, CLICKHOUSE, EVENT_LOG),
        # It asks every process whether it is ready, for the status that owners read.
        calls=(*(f"{service}.api" for service in SERVICES), *_CONSUMERS),
        cpu="500m",
        memory="256Mi",
        memory_limit="1Gi",
        max_replicas=20,
    ),
    Process(
        service="membership",
        role="worker",
        uses=(POSTGRES, REDIS, CLICKHOUSE, EVENT_LOG, EXPORTS, RECEIVERS),
        cpu="500m",
        memory="256Mi",
        memory_limit="2Gi",
        max_replicas=COMPUTE_JOBS.partitions,
        lag=Lag(WORKER_GROUP, COMPUTE_JOBS, records_per_replica=10),
    ),
)
BY_NAME: Final = {process.name: process for process in PROCESSES}
APIS: Final = tuple(process for process in PROCESSES if process.is_api)


def processes_of(service: str) -> tuple[Process, ...]:
    """Return the processes of a service, the API first."""
    return tuple(process for process in PROCESSES if process.service == service)


def migration_engines(service: str) -> tuple[Engine, ...]:
    """Return the engines that `migrate` of the service writes to."""
    used = {engine for process in processes_of(service) for engine in process.uses}
    return tuple(engine for engine in (POSTGRES, CLICKHOUSE, EVENT_LOG) if engine in used)
