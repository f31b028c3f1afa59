"""The factory of HTTP apps: the APIs of services, and the health and metrics of workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from segops_common import __version__
from segops_common.core.clock import Clock, SystemClock
from segops_common.core.idempotency import IdempotencyStore
from segops_common.core.ids import SystemIds
from segops_common.security.introspect import Authenticator
from segops_common.telemetry.metrics import HttpMetrics, Metrics
from segops_common.web import problems
from segops_common.web.health import Check, Health, Schema, health_routes
from segops_common.web.internal_port import InternalPort
from segops_common.web.middleware import Edge
from segops_common.web.openapi.document import document, operation_id
from segops_common.web.request.budget import GATEWAY_TIMEOUT_S, MARGIN_S
from segops_common.web.request.charges import RateLimits
from segops_common.web.request.client_address import NO_PROXIES, TrustedProxies
from segops_common.web.request.path_dispatch import RouteTable
from segops_common.web.request.route import StrictRoute

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Running(Generic[S]):
    """The open resources of a process: its state, its authenticator, its readiness checks, and its schemas by store.

    `idempotency` stores the responses to requests with an Idempotency-Key. An app with mutating routes needs it.
    """

    state: S
    authenticator: Authenticator | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    idempotency: IdempotencyStore | None = None
    proxies: TrustedProxies = NO_PROXIES
    rate_limits: RateLimits | None = None
    schemas: Mapping[str, Schema] = field(default_factory=dict)


Lifespan = Callable[[], AbstractAsyncContextManager[Running[S]]]


class _App(FastAPI):
    """FastAPI without the middleware that `Edge` replaces."""

    edge: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        return self.edge(ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=self.exception_handlers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what FastAPI does, except reading the environment three times per request for tracing."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)


def create_app(
    *,
    title: str,
    description: str,
    lifespan: Lifespan[S],
    routers: Sequence[APIRouter] = (),
    routes: Sequence[Route] = (),
    tags: Sequence[Mapping[str, str]] = (),
    metrics: Metrics | None = None,
    clock: Clock | None = None,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
) -> FastAPI:
    """Return an app whose resources are opened once by `lifespan` and kept as `app.state.running`.

    `routes` are plain Starlette routes that serve a documented operation themselves.
    `around` is the outermost layer: it also sees the responses to unreadable requests.
    Readiness is false until the resources are open and again while the process drains (`app.state.health`).
    `app.state.internal_port` says on which port health, metrics and `/internal/` are, if not on that of the others.
    """
    app = _App(
        title=title,
        description=description,
        version=__version__,
        lifespan=_keep_running(lifespan),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        openapi_tags=[dict(tag) for tag in tags],
        separate_input_output_schemas=False,
        generate_unique_id_function=operation_id,
    )
    app.state.health = Health(draining=True)
    app.state.internal_port = InternalPort()
    app.state.metrics = metrics or Metrics()
    app.state.request_budget_s = GATEWAY_TIMEOUT_S - MARGIN_S
    app.router.route_class = StrictRoute
    for router in routers:
        app.router.routes.extend(_named(router.routes))
    app.router.routes.extend([*routes, *health_routes(app.state.health, app.state.metrics)])
    app.state.route_table = RouteTable(app.routes)
    problems.install(app)
    app.openapi = _CachedDocument(partial(document, app))  # type: ignore[method-assign]
    app.state.clock = clock = clock or SystemClock()
    edge = partial(
        Edge,
        clock=clock,
        ids=SystemIds(clock),
        metrics=HttpMetrics(app.state.metrics),
        routes=app.state.route_table,
        internal_port=app.state.internal_port,
    )
    app.edge = edge if around is None else lambda inner: around(edge(inner))
    return app


def document_of(build: Callable[[Lifespan[S]], FastAPI]) -> dict[str, Any]:
    """Return the OpenAPI document of the app that `build` makes, without opening any resource."""

    @asynccontextmanager
    async def never() -> AsyncIterator[Running[S]]:
        raise RuntimeError("an app built for its OpenAPI document cannot run")
        yield

    return build(never).openapi()


def worker_app(*, title: str, checks: Mapping[str, Check], metrics: Metrics) -> FastAPI:
    """Return the HTTP app of a worker: health and metrics only."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None, checks=checks)

    return create_app(title=title, description="Health and metrics.", lifespan=lifespan, metrics=metrics)


def new_router(**more: Any) -> APIRouter:
    """Return a router whose routes are `StrictRoute`s."""
    return APIRouter(route_class=StrictRoute, redirect_slashes=False, generate_unique_id_function=operation_id, **more)


def _keep_running(lifespan: Lifespan[S]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan() as running:
            app.state.running = running.state
            app.state.authenticator = running.authenticator
            app.state.idempotency = running.idempotency
            app.state.proxies = running.proxies
            app.state.rate_limits = running.rate_limits
            app.state.health.checks = running.checks
            app.state.health.schemas = running.schemas
            app.state.health.draining = False
            yield
            app.state.health.draining = True

    return run


def _named(routes: Iterable[BaseRoute]) -> Iterable[BaseRoute]:
    """Yield a router's routes to add to the app itself: a router in between costs every request another lookup."""
    for route in routes:
        if isinstance(route, APIRoute) and route.operation_id is None:
            route.operation_id = operation_id(route)
        yield route


class _CachedDocument:
    """Makes the document on first use."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = make
        self._made: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        if self._made is None:
            self._made = self._make()
        return self._made
