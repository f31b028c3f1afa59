"""Liveness, readiness, versions and metrics. Only `/readyz` asks the dependencies that the process cannot work without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segops_common.contracts.http import ProcessVersions, SchemaVersion
from segops_common.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)
Check = Callable[[], Awaitable[None]]
"""Returns when the dependency can be used, and raises an error with the reason otherwise."""

CHECK_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a service in one store: the last migration that the code has, and how to read the last one that ran."""

    expected: int
    read_applied: Callable[[], Awaitable[int]]
    """Raises an error when it cannot be read."""

    async def version(self) -> SchemaVersion:
        """Return both numbers. Never raises."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return SchemaVersion(applied=await self.read_applied(), expected=self.expected)
        except Exception as error:
            _log.warning("the version of the schema cannot be read: %r", error)
        return SchemaVersion(applied=None, expected=self.expected)


@dataclass(slots=True)
class Health:
    """The readiness of this process: all checks pass, and it is not about to stop."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    draining: bool = False

    async def report(self) -> tuple[bool, dict[str, str]]:
        """Return whether the process is ready, and for each check `ok` or the name of its error."""
        if self.draining:
            return False, {"process": "draining"}
        names = list(self.checks)
        results = await asyncio.gather(*(_result(self.checks[name]) for name in names))
        return all(result == "ok" for result in results), dict(zip(names, results, strict=True))

    async def versions(self) -> ProcessVersions:
        """Return the version of each schema by store."""
        versions = await asyncio.gather(*(schema.version() for schema in self.schemas.values()))
        return ProcessVersions(schemas=dict(zip(self.schemas, versions, strict=True)))


async def _result(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception as error:
        return type(error).__name__
    return "ok"


def health_routes(health: Health, metrics: Metrics) -> list[Route]:
    """Return the routes for supervisors and metric scrapers; they are not part of the documented API."""

    async def live(_request: Request) -> Response:
        return _json({"status": "ok"}, 200)

    async def ready(_request: Request) -> Response:
        is_ready, checks = await health.report()
        return _json({"status": "ok" if is_ready else "unavailable", "checks": checks}, 200 if is_ready else 503)

    async def versions(_request: Request) -> Response:
        return _json((await health.versions()).model_dump(), 200)

    async def scrape(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    return [
        Route("/livez", live),
        Route("/healthz", live),
        Route("/readyz", ready),
        Route("/versions", versions),
        Route("/metrics", scrape),
    ]


def _json(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
