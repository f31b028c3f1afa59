"""The checks of `segops doctor`. None of them changes anything in the installation."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Literal

import httpx

from segops_cli.api.client import Api
from segops_cli.api.login import KeyLogin
from segops_cli.api.problems import problem_of, slug_of
from segops_cli.clock import Clock
from segops_cli.errors import CliError
from segops_cli.output import plural

Level = Literal["ok", "note", "fault"]

_MAX_SKEW_S: Final = 5.0
_MAX_BEHIND_S: Final = 60.0
_ROUTES: Final = {
    "auth": "/api/auth/config/",
    "ingest": "/api/ingestion/track/",
    "segments": "/api/segments/",
    "membership": "/api/analytics/overview/",
}
"""A route of each service. What it answers shows whether the gateway reaches the service."""
_NO_SEGMENT: Final = 2**62

_PROBES: Final[dict[str, tuple[str, str, dict[str, Any] | None]]] = {
    "events:write": ("POST", "/api/ingestion/batch/", {"batch": []}),
    "events:read": ("GET", "/api/explorer/event-types/?limit=1", None),
    "segments:read": ("GET", "/api/segments/?limit=1", None),
    "segments:write": ("PATCH", f"/api/segments/{_NO_SEGMENT}/", {}),
    "membership:read": ("GET", "/api/segments/membership/?user_id=segops-doctor", None),
    "profiles:read": ("GET", "/api/explorer/users/?limit=1", None),
}
"""For each scope of a key, a request that changes nothing: it reads, or it is refused for its content."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and for a fault what to do."""

    check: str
    level: Level
    detail: str
    advice: str | None = None


def examine(api: Api, clock: Clock) -> list[Finding]:
    """Return the findings of all checks. Raises CliError if the address cannot be reached at all."""
    findings = [_clock_skew(api, clock)]
    checks: list[Callable[[Api], Iterator[Finding]]] = [_routes, _version, _credential, _processes]
    for check in checks:
        try:
            findings += check(api)
        except CliError as error:
            findings.append(Finding(check.__name__.strip("_"), "fault", error.message, error.advice))
    return findings


def _clock_skew(api: Api, clock: Clock) -> Finding:
    before = clock()
    response = api.respond("GET", _ROUTES["auth"])
    after = clock()
    try:
        server = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return Finding("clock", "note", "the server does not say what time it is")
    # The header has whole seconds, cut off, so the server's time is up to a second later.
    skew = max(0.0, server - after) or min(0.0, server + 1 - before)
    if abs(skew) <= _MAX_SKEW_S:
        return Finding("clock", "ok", "the clocks of this machine and the server agree to a few seconds")
    ahead = "behind" if skew > 0 else "ahead of"
    advice = "Set both clocks by NTP. Events that are dated in the future count only when their time has come."
    return Finding("clock", "fault", f"this machine is {abs(skew):.0f} s {ahead} the server", advice)


def _routes(api: Api) -> Iterator[Finding]:
    for service, path in _ROUTES.items():
        response = api.respond("GET", path)
        problem = problem_of(response)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            detail = f"{path} answers {response.status_code}: {(problem or {}).get('detail', 'no reason')}"
            advice = "Look at the log of the service, and at `processes` below. With `make run`, it prints warnings."
            yield Finding(f"route of {service}", "fault", detail, advice)
        elif problem is None and not response.is_success:
            advice = "The gateway does not route this path to SegOps: see docs/deploy.md."
            yield Finding(f"route of {service}", "fault", f"{path} is not answered by SegOps", advice)
        else:
            yield Finding(f"route of {service}", "ok", f"{path} is answered")


def _version(api: Api) -> Iterator[Finding]:
    response = api.respond("GET", "/openapi.json")
    own = version("segops-cli")
    if not response.is_success:
        yield Finding("version", "note", "this gateway serves no /openapi.json, so the version is not known")
        return
    theirs = str(response.json()["info"]["version"])
    if theirs == own:
        yield Finding("version", "ok", f"the API and this command are version {own}")
    else:
        advice = "Install the command from the same release as the installation."
        yield Finding("version", "fault", f"the API is version {theirs}, this command {own}", advice)


def _credential(api: Api) -> Iterator[Finding]:
    if isinstance(api.login, KeyLogin):
        yield from _key(api)
        return
    me = api.get("/api/auth/me/")
    own = [tenant for tenant in me["tenants"] if tenant["id"] == api.login.tenant]
    if not own:
        advice = "Sign in again, with --tenant if you belong to several."
        yield Finding("login", "fault", f"you no longer belong to the tenant {api.login.tenant}", advice)
        return
    detail = f"{me['email']} is {own[0]['role']} of {own[0]['slug']} ({own[0]['id']})"
    yield Finding("login", "ok", detail)


def _key(api: Api) -> Iterator[Finding]:
    held, lacking = list[str](), list[str]()
    for scope, (method, path, body) in _PROBES.items():
        response = api.respond(method, path, json=body)
        problem = problem_of(response)
        slug = "" if problem is None else slug_of(problem)
        if response.status_code == httpx.codes.UNAUTHORIZED and problem is not None:
            yield Finding("key", "fault", str(problem["detail"]), "Sign in with a valid key: `segops login --key`.")
            return
        (lacking if slug == "insufficient-scope" else held).append(scope)
    yield Finding("key", "ok", f"the key has {', '.join(held) or 'no scope'}")
    if lacking:
        advice = "Create a key with these scopes if you need them: `segops login --key` stores it."
        yield Finding("key", "note", f"the key lacks {', '.join(lacking)}", advice)


def _processes(api: Api) -> Iterator[Finding]:
    if isinstance(api.login, KeyLogin):
        advice = "Sign in as an owner of the tenant to see them: `segops login --email EMAIL`."
        yield Finding("processes", "note", "only owners see the state of processes and engines", advice)
        return
    response = api.respond("GET", "/api/status/", params=api.tenant)
    if not response.is_success:
        problem = problem_of(response) or {}
        level: Level = "note" if response.status_code == httpx.codes.FORBIDDEN else "fault"
        detail = str(problem.get("detail") or f"/api/status/ answers {response.status_code}")
        yield Finding(
            "processes",
            level,
            detail,
            "PostgreSQL and ClickHouse must run: see their logs."
            if level == "fault"
            else "Ask an owner of the tenant.",
        )
        return
    status = response.json()
    yield from _services(status["services"])
    # An installation of an earlier version does not say it.
    yield from _schemas(status.get("schemas", []))
    yield _storage(status["storage"])


def _services(services: list[dict[str, str]]) -> Iterator[Finding]:
    down = [service for service in services if service["status"] != "ready"]
    for service in down:
        yield Finding(f"process {service['name']}", "fault", f"is {service['status']}", _ADVICE[service["status"]])
    if services and not down:
        yield Finding("processes", "ok", f"all {len(services)} are ready, with the engines that they need")


_ADVICE: Final = {
    "not-ready": "It runs, and an engine that it needs does not answer: `checks` of its /readyz names it.",
    "unreachable": "It does not run, or its address in SEGOPS_SERVICE_ADDRESSES is wrong. Look at its log.",
}


def _schemas(schemas: list[dict[str, Any]]) -> Iterator[Finding]:
    for schema in schemas:
        if schema["status"] == "current":
            continue
        service, store = schema["service"], schema["store"]
        level: Level = "fault" if schema["status"] == "older" else "note"
        detail, advice = _SCHEMA_FINDINGS[schema["status"]]
        detail = detail.format(applied=schema["applied"], expected=schema["expected"])
        yield Finding(f"schema of {service} in {store}", level, detail, advice.format(service=service))
    if schemas and all(schema["status"] == "current" for schema in schemas):
        versions = ", ".join(f"{schema['service']} {schema['store']} {schema['applied']}" for schema in schemas)
        yield Finding("schemas", "ok", f"all are of the version that runs: {versions}")


_SCHEMA_FINDINGS: Final = {
    "older": (
        "migration {applied} is the last that ran, and the process needs {expected}",
        "Run `python -m segops_{service} migrate` of the version that runs. `make run` does so at its next start, and"
        " compose and Kubernetes with the command of an upgrade: see docs/upgrade.md.",
    ),
    "newer": (
        "migration {applied} has run, and the process knows {expected}: it is of an earlier version",
        "Nothing while a deploy goes on. Otherwise replace the processes of {service} by the newer version.",
    ),
    "unknown": (
        "the process cannot read which migrations have run; it needs {expected}",
        "The log of `{service}.api` has the reason. Run `python -m segops_{service} migrate` of the version that runs, and give the users"
        " of ClickHouse the grants of deploy/clickhouse/users.toml.",
    ),
}
"""For each status of a schema: what it means, and what to do."""


def _storage(storage: dict[str, Any]) -> Finding:
    behind = storage["behind_seconds"]
    if storage["behind_records"] is None:
        return Finding("storage", "fault", "the event log does not answer", "Look at the log of Valkey or Kafka.")
    if behind is not None and behind > _MAX_BEHIND_S:
        detail = f"the warehouse is {behind:.0f} s behind the accepted events"
        return Finding(
            "storage", "fault", detail, "Look at the log of `ingest.sink`: it stores them, and ClickHouse must run."
        )
    return Finding("storage", "ok", f"{plural(storage['behind_records'], 'event')} wait to be stored")
