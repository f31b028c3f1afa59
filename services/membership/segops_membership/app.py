"""The long-running roles of membership: the API and the compute worker."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_membership.api.analysis import router as analysis
from segops_membership.api.explain import router as explain
from segops_membership.api.internal import router as internal
from segops_membership.api.lookup import router as lookup
from segops_membership.bootstrap import Bootstrap
from segops_membership.service.use_cases import UseCases


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """Return the API."""
    return create_app(
        title="SegOps membership",
        description="Looks up the segments of a user, now or at a past instant, and analyses definitions before they are saved.",
        lifespan=lifespan,
        routers=[lookup, explain, analysis, internal],
        tags=[
            {"name": "membership", "description": "Membership lookups and their explanations."},
            {
                "name": "analysis",
                "description": "Previews and plans of definitions, and overlaps of segments.",
            },
        ],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document. Needs no engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))


async def run_worker(bootstrap: Bootstrap) -> None:
    """Run the worker until SIGTERM. A job in progress is finished or left to the next owner."""
    async with bootstrap.worker() as loops:
        checks = {name: loop.check for name, loop in loops.items()}
        await bootstrap.serve_worker(
            "SegOps compute worker", checks=checks, loops=[loop.run for loop in loops.values()]
        )
