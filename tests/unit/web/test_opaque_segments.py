"""Parameters of paths that may be any text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from segops_common.web.app import Running, create_app
from segops_testkit.http import on_port


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"of": "user", **request.path_params})


async def echo_events(request: Request) -> JSONResponse:
    return JSONResponse({"of": "events", **request.path_params})


@asynccontextmanager
async def lifespan() -> AsyncIterator[Running[None]]:
    yield Running(None)


@pytest.fixture
def app() -> FastAPI:
    routes = [
        Route("/users/{id:opaque}/", echo),
        Route("/users/{id:opaque}/events/", echo_events),
        Route("/things/{id}/", echo),
    ]
    return create_app(title="Opaque", description="For a test.", lifespan=lifespan, routes=routes)


async def ask(app: FastAPI, *paths: str) -> list[httpx.Response]:
    async with on_port(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        return [await client.get(path) for path in paths]


IDS = ("a/b", "/", "//a//", "a/events", "\\", "%2F", "ü 😀", "a?b#c", "a\nb", "...", "a..b", "..a/b", "ﬁ\ufffd")


async def test_an_id_arrives_as_it_was_quoted(app: FastAPI) -> None:
    for rest in ("/", "", "/events/", "/events"):
        answers = await ask(app, *(f"/users/{quote(id, safe='')}{rest}" for id in IDS))
        assert [answer.json()["id"] for answer in answers] == list(IDS)
        assert {answer.json()["of"] for answer in answers} == {"events" if "events" in rest else "user"}


async def test_a_slash_in_an_id_never_chooses_another_route(app: FastAPI) -> None:
    (answer,) = await ask(app, "/users/a%2Fevents/")
    assert answer.json() == {"of": "user", "id": "a/events"}


@pytest.mark.parametrize(
    "path",
    [
        "/things/a%2Fb/",
        "/things/a%5Cb/",
        "/users/a//",
        "/users/a%00/",
        "/users/a%2F%2e%2e%2Fb/",
        "/users/%ff%2F/",
        "/x%2Fy",
    ],
)
async def test_other_paths_stay_unambiguous(app: FastAPI, path: str) -> None:
    (answer,) = await ask(app, path)
    assert answer.status_code == 404
