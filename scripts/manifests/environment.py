"""The settings of every process: which are fixed by the deployment, which are secrets, and which an operator may turn."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from pydantic_settings import BaseSettings

from scripts.manifests.processes import BY_NAME, HTTP_PORT, PROCESSES, Process
from segops_auth.settings import Settings as AuthSettings
from segops_common.runtime.settings import ServiceSettings
from segops_ingest.settings import Settings as IngestSettings
from segops_local.gateway.nginx import load_routes
from segops_membership.settings import Settings as MembershipSettings
from segops_segments.settings import Settings as SegmentsSettings

PREFIX: Final = "SEGOPS_"
SETTINGS: Final[Mapping[str, type[ServiceSettings]]] = {
    "auth": AuthSettings,
    "ingest": IngestSettings,
    "segments": SegmentsSettings,
    "membership": MembershipSettings,
}
SIGNING_KEY_FOLDER: Final = "/var/run/segops/signing-key"
SIGNING_KEY_FILE: Final = "signing-key.pem"
EXPLAINED: Final = {"env", "crash_at", "internal_port"}
"""Fault tests set the first two. The manifests keep one port for each process, with network policies around it."""
FIXED: Final = {
    "http_host",
    "http_port",
    "auth_url",
    "membership_url",
    "service_addresses",
    "jwt_private_key_file",
}
"""Settings that the manifests give every process which has them, because they follow from the manifests themselves."""
OPTIONAL_SECRETS: Final = {
    "mail_url",
    "exports_access_key_id",
    "exports_secret_access_key",
    "event_memory_url",
    "kafka_password",
    "redis_sentinel_password",
    "other_service_token",
}
"""Secrets that a deployment may leave out."""
SECRETS: Final = {
    "service_token",
    "api_key_pepper",
    "postgres_url",
    "redis_url",
    "event_log_url",
    "clickhouse_url",
    "clickhouse_reader_url",
    "migrate_postgres_url",
    *OPTIONAL_SECRETS,
}
"""Settings that hold a password. A Secret has them, by the name of their variable."""
_OF_A_ROLE: Final = {"clickhouse_url", "clickhouse_reader_url"}
"""Secrets that differ between the processes of a service: each has a user of its own."""
_OF_MIGRATIONS: Final = {"migrate_postgres_url"}
SHARED_SECRET: Final = "segops-service-token"
CONFIG_MAP: Final = "segops-settings"


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting that an operator may turn. `default` is as the environment would say it; `services` read it."""

    name: str
    default: str
    services: tuple[str, ...]
    meaning: str

    @property
    def variable(self) -> str:
        return f"{PREFIX}{self.name.upper()}"


def fields(service: str) -> tuple[str, ...]:
    """Return the names of a service's settings, in alphabetical order."""
    return tuple(sorted(SETTINGS[service].model_fields))


def fixed_environment(process: Process) -> dict[str, str]:
    """Return the variables that follow from the manifests: addresses, the port, and the file with the signing key."""
    values = {
        "http_host": "0.0.0.0",
        "http_port": str(HTTP_PORT),
        "auth_url": BY_NAME["auth.api"].url,
        "membership_url": BY_NAME["membership.api"].url,
        "jwt_private_key_file": f"{SIGNING_KEY_FOLDER}/{SIGNING_KEY_FILE}",
    }
    if process.name == "membership.api":
        values["service_addresses"] = ",".join(f"{other.name}={other.url}" for other in PROCESSES)
    return {f"{PREFIX}{name.upper()}": values[name] for name in fields(process.service) if name in values}


def secret_of(name: str, process: Process, *, migrates: bool = False) -> str:
    """Return the name of the Secret that holds a setting of a process, or of its service's `migrate`."""
    if name in ("service_token", "other_service_token"):
        return SHARED_SECRET
    if name in _OF_A_ROLE:
        return f"segops-{process.service}-{'migrate' if migrates else process.role}"
    return f"segops-{process.service}-migrate" if name in _OF_MIGRATIONS else f"segops-{process.service}"


def secret_settings(process: Process, *, migrates: bool = False) -> tuple[str, ...]:
    """Return the names of the settings that a process takes from Secrets."""
    names = set(fields(process.service)) & SECRETS
    if migrates:
        return tuple(sorted(names - OPTIONAL_SECRETS - {"clickhouse_reader_url"}))
    names -= _OF_MIGRATIONS
    return tuple(sorted(names if process.name != "membership.worker" else names - {"clickhouse_reader_url"}))


@cache
def knobs() -> tuple[Knob, ...]:
    """Return every setting that is neither fixed nor a secret, with its default, in alphabetical order."""
    names = {name for service in SETTINGS for name in fields(service)} - FIXED - SECRETS - EXPLAINED
    return tuple(_knob(name) for name in sorted(names))


def deployed_defaults() -> dict[str, str]:
    """Return the knobs that the base sets, because the default is for another kind of gateway."""
    return {f"{PREFIX}REQUEST_TIMEOUT_S": str(load_routes().timeout_s)}


def _knob(name: str) -> Knob:
    services = tuple(service for service in SETTINGS if name in SETTINGS[service].model_fields)
    field = SETTINGS[services[0]].model_fields[name]
    meaning = _docstrings(SETTINGS[services[0]]).get(name) or _MEANINGS.get(name, "")
    return Knob(name, _as_text(field.default), services, " ".join(meaning.split()))


def _as_text(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"PT{int(value.total_seconds()) // 60}M"
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


@cache
def _docstrings(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the docstrings of the fields of a class and of its bases, by the name of the field."""
    texts: dict[str, str] = {}
    for kind in reversed(settings.__mro__):
        if issubclass(kind, BaseSettings) and kind is not BaseSettings:
            texts |= dict(_documented_fields(kind))
    return texts


def _documented_fields(kind: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                yield name, meaning
            case _:
                pass


_MEANINGS: Final = {
    "kafka_sasl_mechanism": "How the user signs in to Kafka: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN.",
    "redis_sentinel_user": "The user of the Sentinels themselves, if they ask for one.",
    "analyses_per_tenant": "The same per tenant.",
    "computes_per_tenant": "The same per tenant.",
    "events_per_tenant": "The same per tenant.",
    "exports_region": "The region of the bucket of exports.",
    "lookups_per_tenant": "The same per tenant.",
    "requests_per_tenant": "The same per tenant.",
    "sessions_per_tenant": "The same per tenant.",
}
"""Meanings of knobs whose fields have no docstring of their own."""
