"""The long-running roles of segments: the API, the outbox worker and the results consumer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_segments.api.router import ROUTERS
from segops_segments.bootstrap import Bootstrap
from segops_segments.service.use_cases import UseCases


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """Return the HTTP interface over the given resources."""
    return create_app(
        title="SegOps segments",
        description="Segments: named definitions, their versions, and the runs that compute their members. Event schemas.",
        lifespan=lifespan,
        routers=ROUTERS,
        tags=[
            {"name": "segments", "description": "Definitions, versions and runs."},
            {"name": "schemas", "description": "What events must look like, and what happens to those that do not."},
        ],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the API; needs no engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))


async def run_outbox(bootstrap: Bootstrap) -> None:
    """Relay the outbox, start hourly runs and revive silent runs until SIGTERM; work that has begun is finished."""
    async with bootstrap.outbox() as worker:
        await bootstrap.serve_worker(
            "SegOps outbox", checks=worker.checks, loops=[timer.run for timer in worker.timers]
        )


async def run_results(bootstrap: Bootstrap) -> None:
    """Apply the results of runs until SIGTERM."""
    async with bootstrap.results() as loop:
        await bootstrap.serve_worker("SegOps results", checks={"results": loop.check}, loops=[loop.run])
