"""The processes of ingestion: the API, the sink with its health, and the migrations."""

from __future__ import annotations

import gc
import logging
from typing import Any

from fastapi import FastAPI

from segops_common.contracts.topics import EVENTS
from segops_common.stores.clickhouse_migrations import migrate, pending_migrations
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, create_app, document_of, worker_app
from segops_common.web.server import serve
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE
from segops_ingest.api.cors import Cors
from segops_ingest.api.fast_routes import FastPathDispatch
from segops_ingest.api.routes import router
from segops_ingest.bootstrap import Bootstrap
from segops_ingest.service.accept_events import Ingest

_log = logging.getLogger(__name__)


def api_app(lifespan: Lifespan[Ingest], metrics: Metrics | None = None) -> FastAPI:
    """The documented HTTP interface over the given resources."""
    app = create_app(
        title="SegOps ingestion",
        description="Events and traits in; every accepted event counts exactly once.",
        lifespan=lifespan,
        routers=[router()],
        tags=[{"name": "ingestion", "description": "Calls that applications send."}],
        metrics=metrics,
        around=Cors,
    )
    app.router.middleware_stack = FastPathDispatch(app.router.middleware_stack, app.routes)
    return app


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""
    return document_of(api_app)


def spare_the_collector() -> None:
    """Let the cycle collector run seldom.

    A batch of a thousand events makes thousands of dictionaries, none of them in a cycle; looking through them at the
    usual pace takes longer than all the rest of the request.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def run_api(bootstrap: Bootstrap) -> None:
    """Serve the API until SIGTERM."""
    spare_the_collector()
    await serve(api_app(bootstrap.api, bootstrap.metrics), bootstrap.address)


async def run_sink(bootstrap: Bootstrap) -> None:
    """Run the sink and its health until SIGTERM; the batch in flight is finished or left to the next owner."""
    async with bootstrap.sink() as loop:
        app = worker_app(title="SegOps sink", checks={"sink": loop.check}, metrics=bootstrap.metrics)
        await serve(app, bootstrap.address, loops=[loop.run])


async def run_migrations(bootstrap: Bootstrap) -> None:
    """Bring the warehouse's tables and the log's topics up to date; safe to repeat."""
    async with bootstrap.clickhouse() as clickhouse, bootstrap.event_log() as log:
        done = await migrate(clickhouse, SERVICE, MIGRATIONS)
        await log.ensure_topics([EVENTS, EVENTS.dead])
    _log.info("%d migrations were run", len(done))


async def are_migrations_pending(bootstrap: Bootstrap) -> bool:
    """Whether `migrate` has work to do in the warehouse."""
    async with bootstrap.clickhouse() as clickhouse:
        pending = await pending_migrations(clickhouse, SERVICE, MIGRATIONS)
    for migration in pending:
        _log.warning("pending: %04d_%s", migration.number, migration.name)
    return bool(pending)
