"""What the product's web factory adds to a FastAPI route: CPU per request, in this process, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time

import orjson
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Scope

from bench.harness.pairs import in_turn
from bench.report import Ratio
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.idempotency import identified_by

ROUNDS = 9
TIMES = 400
PATH = "/things/"
BODY = orjson.dumps({"name": "lamp", "tags": ["home", "light"], "price": 39.5})


class Thing(BaseModel):
    """The request and the response body."""

    name: str
    tags: list[str]
    price: float


def _with_routes(router: APIRouter) -> APIRouter:
    async def get_thing(number: int) -> Thing:
        return Thing(name="lamp", tags=["home", "light"], price=number)

    @identified_by("name")
    async def post_thing(thing: Thing) -> Thing:
        return thing

    router.add_api_route(PATH, get_thing, methods=["GET"], operation_id="getThing")
    router.add_api_route(PATH, post_thing, methods=["POST"], operation_id="postThing")
    return router


def bare() -> FastAPI:
    """Return a plain FastAPI app."""
    app = FastAPI()
    app.include_router(_with_routes(APIRouter()))
    return app


def ours() -> FastAPI:
    """Return the factory's app with the same routes: request id, headers, metrics, body limit, problem documents."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None)

    return create_app(title="bench", description="bench", lifespan=lifespan, routers=[_with_routes(new_router())])


def scope_of(method: str, body: bytes) -> Scope:
    """Return the ASGI scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"" if body else b"number=3",
        "root_path": "",
        "headers": [
            (b"host", b"bench"),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def cpu_us(app: ASGIApp, method: str, body: bytes) -> float:
    """Return microseconds of this thread's CPU per request. Raises RuntimeError unless all statuses are 200."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    began = thread_time()
    for _ in range(TIMES):
        await app(scope_of(method, body), receive, send)
    took = thread_time() - began
    if statuses != [200] * TIMES:
        raise RuntimeError(f"answered {set(statuses)}")
    return took / TIMES * 1e6


async def run() -> list[Ratio]:
    """Measure a GET with a parameter and a POST with a body."""
    ratios: list[Ratio] = []
    product, plain = ours(), bare()
    async with product.router.lifespan_context(product):
        for method, body in (("GET", b""), ("POST", BODY)):

            async def of_product(method: str = method, body: bytes = body) -> float:
                return await cpu_us(product, method, body)

            async def of_plain(method: str = method, body: bytes = body) -> float:
                return await cpu_us(plain, method, body)

            mine, theirs = await in_turn(ROUNDS, of_product, of_plain)
            ratios.append(Ratio(f"factory's route, {method}", "bare FastAPI route", mine, theirs, "us"))
    return ratios
