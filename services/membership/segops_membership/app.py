"""The processes of membership: the API, the compute worker with its health, and the migrations."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI

from segops_common.contracts.topics import (
    COMPUTE_JOBS,
    COMPUTE_RESULTS,
    MEMBERSHIP_CHANGES,
    SEGMENTS,
    STATIC_MEMBERS,
)
from segops_common.stores.clickhouse_migrations import migrate, pending_migrations
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of, worker_app
from segops_common.web.server import serve
from segops_membership.api.analysis import router as analysis
from segops_membership.api.explain import router as explain
from segops_membership.api.internal import router as internal
from segops_membership.api.routes import router
from segops_membership.bootstrap import MIGRATIONS, SERVICE, Bootstrap
from segops_membership.service.use_cases import UseCases

TOPICS: Final = (
    COMPUTE_JOBS,
    COMPUTE_JOBS.dead,
    STATIC_MEMBERS,
    STATIC_MEMBERS.dead,
    COMPUTE_RESULTS,
    MEMBERSHIP_CHANGES,
    SEGMENTS,
    SEGMENTS.dead,
)

_log = logging.getLogger(__name__)


def api_app(lifespan: Lifespan[UseCases], metrics: Metrics | None = None) -> FastAPI:
    """The documented HTTP interface over the given resources."""
    return create_app(
        title="SegOps membership",
        description="Which segments a user is in, now or as of any past instant, and what a definition would change.",
        lifespan=lifespan,
        routers=[router(), explain, analysis, internal],
        tags=[
            {"name": "membership", "description": "Looking up membership."},
            {
                "name": "analysis",
                "description": "What definitions select before they are saved, and how segments overlap.",
            },
        ],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""
    return document_of(api_app)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    await serve(api_app(bootstrap.api, bootstrap.metrics), bootstrap.address)


async def run_worker(bootstrap: Bootstrap) -> None:
    """Run the worker and its health until SIGTERM; a job in flight is finished or left to the next owner."""
    async with bootstrap.worker() as loops:
        checks = {name: loop.check for name, loop in loops.items()}
        app = worker_app(title="SegOps compute worker", checks=checks, metrics=bootstrap.metrics)
        await serve(app, bootstrap.address, loops=[loop.run for loop in loops.values()])


async def run_migrations(bootstrap: Bootstrap) -> None:
    """Bring the warehouse's tables, the schema and the log's topics up to date; safe to repeat."""
    async with bootstrap.clickhouse() as clickhouse, bootstrap.event_log() as log:
        tables = await migrate(clickhouse, SERVICE, MIGRATIONS)
        await log.ensure_topics(TOPICS)
    revisions = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS)
    _log.info("%d migrations were run", len(tables) + len(revisions))


async def are_migrations_pending(bootstrap: Bootstrap) -> bool:
    """Whether `migrate` has work to do."""
    async with bootstrap.clickhouse() as clickhouse:
        tables = await pending_migrations(clickhouse, SERVICE, MIGRATIONS)
    revisions = await migrate_postgres(bootstrap.postgres_url, SERVICE, MIGRATIONS, check=True)
    for name in (*(f"{each.number:04}_{each.name}" for each in tables), *revisions):
        _log.warning("pending: %s", name)
    return bool(tables or revisions)
