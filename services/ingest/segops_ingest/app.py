"""The processes of ingestion: the API, the sink with its health, and the migrations."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from segops_common.contracts.topics import EVENTS
from segops_common.stores.clickhouse_migrations import migrate, pending_migrations
from segops_common.streams.consumer import ConsumerLoop
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Lifespan, Running, create_app
from segops_common.web.server import serve
from segops_ingest.adapters.warehouse import MIGRATIONS, SERVICE
from segops_ingest.api.hot import Shortcut
from segops_ingest.api.routes import router
from segops_ingest.bootstrap import Bootstrap
from segops_ingest.service import Ingest

DRAIN_S = 5.0
"""How long a stopping API still serves, so that every balancer has seen that it is not ready."""

_log = logging.getLogger(__name__)


class SinkNotRunning(Exception):
    """The sink's loop makes no progress."""


def api_app(lifespan: Lifespan[Ingest], metrics: Metrics | None = None) -> FastAPI:
    """The documented HTTP interface over the given resources."""
    app = create_app(
        title="SegOps ingestion",
        description="Events and traits in; every accepted event counts exactly once.",
        lifespan=lifespan,
        routers=[router()],
        tags=[{"name": "ingestion", "description": "Calls that applications send."}],
        metrics=metrics,
    )
    app.router.middleware_stack = Shortcut(app.router.middleware_stack, app.routes)
    return app


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document, made without any engine."""

    @asynccontextmanager
    async def never() -> AsyncIterator[Running[Ingest]]:
        raise RuntimeError("an app made for its document does not run")
        yield

    return api_app(never).openapi()


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
    address = bootstrap.address
    await serve(api_app(bootstrap.api, bootstrap.metrics), host=address.host, port=address.port, drain_s=DRAIN_S)


async def run_sink(bootstrap: Bootstrap) -> None:
    """Run the sink and its health until SIGTERM; the batch in flight is finished or left to the next owner."""
    address = bootstrap.address
    async with bootstrap.sink() as loop:
        app = create_app(
            title="SegOps sink",
            description="Health and metrics of the sink.",
            lifespan=_watching(loop),
            metrics=bootstrap.metrics,
        )
        await serve(app, host=address.host, port=address.port, loops=[loop.run])


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


def _watching(loop: ConsumerLoop) -> Lifespan[None]:
    async def check() -> None:
        health = loop.health
        if not health.ok:
            raise SinkNotRunning(health.problem)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None, checks={"sink": check})

    return lifespan
