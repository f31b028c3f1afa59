"""Liveness, readiness and metrics: `/livez` and `/healthz` never ask a dependency, `/readyz` asks each must-have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segops_common.telemetry.metrics import Metrics

Check = Callable[[], Awaitable[None]]
"""Returns when the dependency can be used; raises, with the reason, when it cannot."""

CHECK_TIMEOUT_S = 2.0


@dataclass(slots=True)
class Health:
    """Whether this process should get work: all checks pass, and it is not about to stop."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    draining: bool = False

    async def report(self) -> tuple[bool, dict[str, str]]:
        """Whether ready, and the word of each check: `ok`, or the kind of failure."""
        if self.draining:
            return False, {"process": "draining"}
        names = list(self.checks)
        words = await asyncio.gather(*(_word(self.checks[name]) for name in names))
        return all(word == "ok" for word in words), dict(zip(names, words, strict=True))


async def _word(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception as error:
        return type(error).__name__
    return "ok"


def health_routes(health: Health, metrics: Metrics) -> list[Route]:
    """The routes that a supervisor and a scraper use; not part of the documented API."""

    async def live(_request: Request) -> Response:
        return _json({"status": "ok"}, 200)

    async def ready(_request: Request) -> Response:
        is_ready, words = await health.report()
        return _json({"status": "ok" if is_ready else "unavailable", "checks": words}, 200 if is_ready else 503)

    async def scrape(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    return [
        Route("/livez", live),
        Route("/healthz", live),
        Route("/readyz", ready),
        Route("/metrics", scrape),
    ]


def _json(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
