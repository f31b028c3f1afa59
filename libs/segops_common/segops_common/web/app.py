"""The factory of every process's HTTP face: the services' APIs, and the workers' health and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from segops_common.kit.clock import SystemClock
from segops_common.kit.idempotency import IdempotencyStore
from segops_common.kit.ids import SystemIds
from segops_common.security.introspect import Authenticator
from segops_common.telemetry.metrics import HttpMetrics, Metrics
from segops_common.web import problems
from segops_common.web.health import Check, Health, health_routes
from segops_common.web.middleware import NormalPath, RequestContext
from segops_common.web.openapi import document, operation_id
from segops_common.web.route import StrictRoute

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Running(Generic[S]):
    """What a process holds while it runs: its own state, who authenticates callers, what readiness asks, what remembers calls."""

    state: S
    authenticator: Authenticator | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    idempotency: IdempotencyStore | None = None


Lifespan = Callable[[], AbstractAsyncContextManager[Running[S]]]


def create_app(
    *,
    title: str,
    description: str,
    lifespan: Lifespan[S],
    routers: Sequence[APIRouter] = (),
    routes: Sequence[Route] = (),
    tags: Sequence[Mapping[str, str]] = (),
    metrics: Metrics | None = None,
) -> FastAPI:
    """An app whose resources are made once by `lifespan` and kept as `app.state.running`.

    `routes` are plain Starlette routes that serve a documented operation themselves.
    Readiness is false until the resources are there and again while the process drains (`app.state.health`).
    """
    registry = metrics or Metrics()
    health = Health(draining=True)

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan() as running:
            app.state.running = running.state
            app.state.authenticator = running.authenticator
            app.state.idempotency = running.idempotency
            health.checks = running.checks
            health.draining = False
            yield

    app = FastAPI(
        title=title,
        description=description,
        version="0.1.0",
        lifespan=run,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        openapi_tags=[dict(tag) for tag in tags],
        separate_input_output_schemas=False,
        generate_unique_id_function=operation_id,
    )
    app.router.route_class = StrictRoute
    app.state.health = health
    app.state.metrics = registry
    for router in routers:
        app.include_router(router)
    app.router.routes.extend(routes)
    app.router.routes.extend(health_routes(health, registry))
    problems.install(app)
    _document_itself(app)
    clock = SystemClock()
    exact = frozenset(path for route in app.routes if not (path := getattr(route, "path", "/")).endswith("/"))
    app.add_middleware(NormalPath, exact=lambda: exact)
    app.add_middleware(RequestContext, clock=clock, ids=SystemIds(clock), metrics=HttpMetrics(registry))
    return app


def new_router(**more: Any) -> APIRouter:
    """A router whose routes pass the body gate."""
    return APIRouter(route_class=StrictRoute, redirect_slashes=False, generate_unique_id_function=operation_id, **more)


def _document_itself(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
