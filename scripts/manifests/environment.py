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

from scripts.manifests.processes import BY_NAME, HTTP_PORT, INTERNAL_PORT, PROCESSES, Process
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
EXPLAINED: Final = {"env", "crash_at"}
"""Settings of fault tests."""
FIXED: Final = {
    "http_host",
    "http_port",
    "internal_port",
    "auth_url",
    "membership_url",
    "segments_url",
    "service_addresses",
    "jwt_private_key_file",
}
"""Settings that the manifests give the processes which need them, because they follow from the manifests themselves."""
_BESIDES: Final = {
    "kafka_password": "event_log_url",
    "redis_sentinel_password": "redis_url",
    "other_service_token": "service_token",
}
"""Secrets that belong to each process with another one."""
_USERS: Final = {
    "mail_url": ("auth.api",),
    "event_memory_url": ("ingest.api",),
    "clickhouse_reader_url": ("membership.api",),
    "activation_key": ("membership.api", "membership.worker"),
    "suppression_key": ("ingest.api", "ingest.sink", "membership.api", "membership.worker"),
    "exports_access_key_id": ("membership.api", "membership.worker"),
    "exports_secret_access_key": ("membership.api", "membership.worker"),
}
"""Secrets that no role must have, and the processes that use them."""
OPTIONAL_SECRETS: Final = (_BESIDES.keys() | _USERS.keys()) - {"clickhouse_reader_url", "suppression_key"}
"""Secrets that a deployment may leave out."""
SECRETS: Final = {
    "service_token",
    "api_key_pepper",
    "postgres_url",
    "redis_url",
    "event_log_url",
    "clickhouse_url",
    "clickhouse_reader_url",
    "suppression_key",
    "migrate_postgres_url",
    *OPTIONAL_SECRETS,
}
"""Settings that hold a password. A Secret has them, by the name of their variable."""
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
    """Return the variables that follow from the manifests: addresses, ports, and the file with the signing key."""
    values = {
        "auth_url": BY_NAME["auth.api"].internal_url,
        "membership_url": BY_NAME["membership.api"].internal_url,
        "segments_url": BY_NAME["segments.api"].internal_url,
        "jwt_private_key_file": f"{SIGNING_KEY_FOLDER}/{SIGNING_KEY_FILE}",
    }
    values = {name: value for name, value in values.items() if name in needs(process)}
    values |= {"http_host": "0.0.0.0", "internal_port": str(INTERNAL_PORT)}
    if process.is_api:
        values["http_port"] = str(HTTP_PORT)
    if process.name == "membership.api":
        values["service_addresses"] = ",".join(f"{other.name}={other.internal_url}" for other in PROCESSES)
    return {f"{PREFIX}{name.upper()}": values[name] for name in sorted(values)}


def needs(process: Process, *, migrates: bool = False) -> frozenset[str]:
    """Return the settings without which a process, or its service's `migrate`, does not start."""
    return frozenset(SETTINGS[process.service].needs["migrate" if migrates else process.role])


def has_signing_key(process: Process) -> bool:
    """Return whether a process reads the file with the signing key."""
    return "jwt_private_key_file" in needs(process)


def secret_of(name: str, process: Process, *, migrates: bool = False) -> str:
    """Return the name of the Secret that holds a setting of a process, or of its service's `migrate`."""
    if name in ("service_token", "other_service_token"):
        return SHARED_SECRET
    return f"segops-{process.service}-{'migrate' if migrates else process.role}"


def secret_settings(process: Process, *, migrates: bool = False) -> tuple[str, ...]:
    """Return the names of the settings that a process takes from Secrets: what its role needs, and what belongs to it."""
    names = needs(process, migrates=migrates) & SECRETS
    names |= {name for name, other in _BESIDES.items() if other in names and name in fields(process.service)}
    if not migrates:
        names |= {name for name, users in _USERS.items() if process.name in users}
    return tuple(sorted(names))


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
