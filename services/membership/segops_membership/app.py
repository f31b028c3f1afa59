"""The processes of membership: the API, the compute worker with its health, and the migrations."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI

from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, MEMBERSHIP_CHANGES
from segops_common.stores.clickhouse_migrations import migrate, pending_migrations
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.streams.consumer import ConsumerLoop
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, Running, create_app
from segops_common.web.server import serve
from segops_membership.api.routes import router
from segops_membership.bootstrap import MIGRATIONS, SERVICE, Bootstrap
from segops_membership.service.lookup import Lookup

DRAIN_S: Final = 5.0
"""How long a stopping API still serves, so that every balancer has seen that it is not ready."""
TOPICS: Final = (COMPUTE_JOBS, COMPUTE_JOBS.dead, COMPUTE_RESULTS, MEMBERSHIP_CHANGES)

_log = logging.getLogger(__name__)


class WorkerNotRunning(Exception):
    """The worker's loop makes no progress."""


def api_app(lifespan: Lifespan[Lookup], metrics: Metrics | None = None) -> FastAPI:
    """The documented HTTP interface over the given resources."""
    return create_app(
        title="SegOps membership",
        description="Which segments a user is in, now or as of any past instant.",
        lifespan=lifespan,
        routers=[router()],
        tags=[{"name": "membership", "description": "Looking up membership."}],
        metrics=metrics,
    )


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""

    @asynccontextmanager
    async def never() -> AsyncIterator[Running[Lookup]]:
        raise RuntimeError("an app made for its document does not run")
        yield

    return api_app(never).openapi()


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    address = bootstrap.address
    await serve(api_app(bootstrap.api, bootstrap.metrics), host=address.host, port=address.port, drain_s=DRAIN_S)


async def run_worker(bootstrap: Bootstrap) -> None:
    """Run the worker and its health until SIGTERM; a job in flight is finished or left to the next owner."""
    address = bootstrap.address
    async with bootstrap.worker() as loop:
        app = create_app(
            title="SegOps compute worker",
            description="Health and metrics of the compute worker.",
            lifespan=_watching(loop),
            metrics=bootstrap.metrics,
        )
        await serve(app, host=address.host, port=address.port, loops=[loop.run])


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


def _watching(loop: ConsumerLoop) -> Lifespan[None]:
    async def check() -> None:
        health = loop.health
        if not health.ok:
            raise WorkerNotRunning(health.problem)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None, checks={"worker": check})

    return lifespan
