"""The long-running roles of ingest: the API and the sink."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

from fastapi import FastAPI

from segops_common.contracts.http import INGESTION_PREFIX
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of
from segops_common.web.request.cors import Cors
from segops_ingest.api import explorer, identity
from segops_ingest.api.fast_routes import FastPathDispatch
from segops_ingest.api.routes import router
from segops_ingest.bootstrap import Bootstrap
from segops_ingest.service.use_cases import UseCases


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """Return the API."""
    app = create_app(
        title="SegOps ingestion",
        description="Receives events and traits. Every accepted event counts exactly once.",
        lifespan=lifespan,
        routers=[router(), explorer.router, explorer.repeatable, identity.router],
        tags=[
            {"name": "ingestion", "description": "Calls that applications send."},
            {"name": "identity", "description": "Which ids are one person."},
            {"name": "explorer", "description": "What was refused or not stored, and test events."},
        ],
        metrics=metrics,
        around=partial(Cors, prefix=f"{INGESTION_PREFIX}/"),
    )
    app.router.middleware_stack = FastPathDispatch(app.router.middleware_stack, app.routes)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document. Needs no engine."""
    return document_of(api_app)


def collect_cycles_less_often() -> None:
    """Raise the thresholds of the cycle collector.

    A batch of a thousand events makes thousands of dictionaries, none of them in a cycle. At Python's own thresholds,
    scanning them takes longer than the rest of the request.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    collect_cycles_less_often()
    await bootstrap.serve_api(api_app(bootstrap.api, bootstrap.metrics))


async def run_sink(bootstrap: Bootstrap) -> None:
    """Run the sink until SIGTERM. The current batch is finished, or left to the next owner of the partition."""
    async with bootstrap.sink() as loops:
        await bootstrap.serve_worker(
            "SegOps sink",
            checks={
                "sink": loops.live.check,
                "import-sink": loops.imports.check,
                "quarantine": loops.quarantine.check,
            },
            loops=[loops.live.run, loops.imports.run, loops.quarantine.run, loops.history.run],
        )
