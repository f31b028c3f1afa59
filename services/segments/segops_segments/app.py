"""The processes of segments: the API, the workers with their health, and the migrations."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI

from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, SEGMENTS, STATIC_MEMBERS
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of, worker_app
from segops_common.web.server import serve
from segops_segments.api.representations import router as readable_router
from segops_segments.api.run_events import router as events_router
from segops_segments.api.segments import router
from segops_segments.api.static_lists import router as members_router
from segops_segments.bootstrap import MIGRATIONS, SERVICE, Bootstrap
from segops_segments.service.use_cases import UseCases

_log = logging.getLogger(__name__)


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """The documented HTTP interface over the given resources."""
    return create_app(
        title="SegOps segments",
        description="Segments: named definitions, their versions, and the runs that compute their members.",
        lifespan=lifespan,
        routers=[router, readable_router, members_router, events_router],
        tags=[{"name": "segments", "description": "Definitions, versions and runs."}],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await serve(api_app(bootstrap.api, bootstrap.metrics), bootstrap.address)


async def run_outbox(bootstrap: Bootstrap) -> None:
    """Relay the outbox until SIGTERM; a message in flight is finished or left to the next relay."""
    async with bootstrap.outbox() as worker:
        app = worker_app(title="SegOps outbox", checks=worker.checks, metrics=bootstrap.metrics)
        await serve(app, bootstrap.address, loops=[worker.outbox.run])


async def run_results(bootstrap: Bootstrap) -> None:
    """Take in results until SIGTERM."""
    async with bootstrap.results() as loop:
        app = worker_app(title="SegOps results", checks={"results": loop.check}, metrics=bootstrap.metrics)
        await serve(app, bootstrap.address, loops=[loop.run])


async def run_migrations(bootstrap: Bootstrap) -> None:
    """Bring the schema and the log's topics up to date; safe to repeat."""
    done = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS)
    topics = (COMPUTE_JOBS, SEGMENTS, STATIC_MEMBERS, COMPUTE_RESULTS)
    async with bootstrap.event_log() as log:
        await log.ensure_topics([*topics, *(topic.dead for topic in topics)])
    _log.info("%d migrations were run", len(done))


async def are_migrations_pending(bootstrap: Bootstrap) -> bool:
    """Whether `migrate` has work to do in the schema."""
    pending = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS, check=True)
    for revision in pending:
        _log.warning("pending: %s", revision)
    return bool(pending)
