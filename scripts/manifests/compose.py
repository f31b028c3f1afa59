"""compose.yaml for one server: the engines, the processes and the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scripts.manifests.environment import (
    OPTIONAL_SECRETS,
    SIGNING_KEY_FILE,
    SIGNING_KEY_FOLDER,
    fixed_environment,
    has_signing_key,
    secret_of,
    secret_settings,
)
from scripts.manifests.network import CONSOLE, GATEWAY
from scripts.manifests.processes import HTTP_PORT, INTERNAL_PORT, PROCESSES, USER, Process, processes_of
from scripts.manifests.secrets import CLICKHOUSE_HOST, POSTGRES_HOST, VALKEY_HOST
from scripts.manifests.workloads import GRACE_S, image
from segops_local.supervisor.services import SERVICES

Service = dict[str, Any]
POSTGRES_IMAGE: Final = "postgres:17"
VALKEY_IMAGE: Final = "valkey/valkey:8.1"
CLICKHOUSE_IMAGE: Final = "clickhouse/clickhouse-server:25.8"
VALKEY_OPTIONS: Final = (
    "--aclfile",
    "/etc/valkey/users.acl",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
)
SUBNET: Final = "172.31.83.0/24"
"""The network of the containers. The gateway is in it, so what it says in X-Forwarded-For counts."""
_SECRETS: Final = "./secrets"
_PROBE: Final = (
    "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', {port}, timeout=4); "
    "c.request('GET', '{path}'); sys.exit(c.getresponse().status != 200)"
)


def compose_project() -> Service:
    """Return the project. Its engines are for one machine, without replication."""
    services = _engines() | {f"segops-{service}-migrate": _migration(service) for service in SERVICES}
    services |= {process.object_name: _process(process) for process in PROCESSES}
    services[CONSOLE] = _hardened(CONSOLE.removeprefix("segops-")) | {
        "healthcheck": _python_probe("/healthz", port=HTTP_PORT)
    }
    services[GATEWAY] = _hardened(GATEWAY.removeprefix("segops-")) | {
        "ports": [f"${{SEGOPS_LISTEN:-127.0.0.1:8080}}:{HTTP_PORT}"],
        "depends_on": {
            process.object_name: {"condition": "service_healthy"} for process in PROCESSES if process.is_api
        },
    }
    return {
        "name": "segops",
        "services": services,
        "networks": {"default": {"ipam": {"config": [{"subnet": SUBNET}]}}},
        "volumes": {"postgres": {}, "valkey": {}, "clickhouse": {}, "exports": {}},
    }


def _process(process: Process) -> Service:
    service = _hardened(process.service) | {
        "command": [process.role],
        "env_file": _env_files(process),
        "environment": fixed_environment(process),
        "volumes": _mounts(process),
        "depends_on": {
            f"segops-{process.service}-migrate": {"condition": "service_completed_successfully"},
            **{host: {"condition": "service_healthy"} for host in (POSTGRES_HOST, VALKEY_HOST, CLICKHOUSE_HOST)},
        },
        "healthcheck": _python_probe("/readyz", port=INTERNAL_PORT),
        "mem_limit": process.memory_limit.removesuffix("i").lower(),
    }
    if process.service == "membership":
        service["environment"]["SEGOPS_EXPORTS_URL"] = "file:///var/lib/segops/exports"
    return service


def _migration(service: str) -> Service:
    first = processes_of(service)[0]
    return _hardened(service) | {
        "command": ["migrate"],
        "env_file": _env_files(first, migrates=True),
        "depends_on": {
            host: {"condition": "service_healthy"} for host in (POSTGRES_HOST, VALKEY_HOST, CLICKHOUSE_HOST)
        },
        "restart": "on-failure",
    }


def _hardened(name: str) -> Service:
    return {
        "image": image(name),
        "user": f"{USER}:{USER}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp:mode=1777,size=2g"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{GRACE_S}s",
    }


def _env_files(process: Process, *, migrates: bool = False) -> list[str]:
    names = set(secret_settings(process, migrates=migrates)) - OPTIONAL_SECRETS
    secrets = sorted({secret_of(name, process, migrates=migrates) for name in names})
    return ["./settings.env", *(f"{_SECRETS}/{name}.env" for name in secrets)]


def _mounts(process: Process) -> list[str]:
    if has_signing_key(process):
        return [f"{_SECRETS}/{SIGNING_KEY_FILE}:{SIGNING_KEY_FOLDER}/{SIGNING_KEY_FILE}:ro"]
    return ["exports:/var/lib/segops/exports"] if process.service == "membership" else []


def _python_probe(path: str, *, port: int) -> Service:
    probe = _PROBE.format(port=port, path=path)
    return _health(["CMD", "/opt/segops/bin/python", "-c", probe], start="60s")


def _engines() -> dict[str, Service]:
    return {
        POSTGRES_HOST: _engine(
            POSTGRES_IMAGE,
            volumes=[
                "postgres:/var/lib/postgresql/data",
                f"{_SECRETS}/postgres-init.sql:/docker-entrypoint-initdb.d/segops.sql:ro",
            ],
            test=["CMD-SHELL", "pg_isready --username=postgres --host=127.0.0.1"],
            more={"env_file": [f"{_SECRETS}/postgres.env"]},
        ),
        VALKEY_HOST: _engine(
            VALKEY_IMAGE,
            volumes=["valkey:/data", f"{_SECRETS}/valkey-users.acl:/etc/valkey/users.acl:ro"],
            # It answers NOAUTH, which is enough: it listens.
            test=["CMD-SHELL", "valkey-cli ping | grep -qE 'PONG|NOAUTH'"],
            more={"command": ["valkey-server", *VALKEY_OPTIONS]},
        ),
        CLICKHOUSE_HOST: _engine(
            CLICKHOUSE_IMAGE,
            volumes=[
                "clickhouse:/var/lib/clickhouse",
                f"{_SECRETS}/clickhouse-users.xml:/etc/clickhouse-server/users.d/segops.xml:ro",
            ],
            test=["CMD-SHELL", "wget --quiet --tries=1 --spider http://127.0.0.1:8123/ping"],
            more={
                "environment": {"CLICKHOUSE_SKIP_USER_SETUP": "1"},
                "ulimits": {"nofile": {"soft": 262144, "hard": 262144}},
            },
        ),
    }


def _engine(name: str, *, volumes: list[str], test: list[str], more: Mapping[str, Any]) -> Service:
    return {
        "image": name,
        **more,
        "volumes": volumes,
        "healthcheck": _health(test, start="120s"),
        "restart": "unless-stopped",
        "stop_grace_period": "120s",
    }


def _health(test: list[str], *, start: str) -> Service:
    return {
        "test": test,
        "interval": "10s",
        "timeout": "5s",
        "retries": 5,
        "start_period": start,
        "start_interval": "2s",
    }
