"""Every route of every service knows its query parameters, and refuses others by name."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.web.app import Running
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process
from tests.unit.web.unreported import without_use_cases

SERVICES = ("auth", "ingest", "segments", "membership")
METHODS = ("get", "put", "post", "patch", "delete")
BEARER = {"Authorization": "Bearer owner"}
KEY = {"Authorization": "ApiKey key"}


def authenticator() -> FakeAuthenticator:
    callers = FakeAuthenticator()
    callers.add_user("owner", 1, {1: Role.OWNER})
    callers.add_key("key", 1, set(Scope))
    callers.add_key("page", 1, {Scope.EVENTS_WRITE}, kind=KeyKind.PUBLISHABLE, origins=["*"])
    return callers


def app_of(service: str) -> FastAPI:
    """The API of the service without any resource: a request must be refused before one is needed."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[SimpleNamespace]]:
        yield Running(without_use_cases(), authenticator=authenticator())

    app: FastAPI = importlib.import_module(f"segops_{service}.app").api_app(lifespan)
    return app


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def credential(operation: dict[str, Any]) -> dict[str, str]:
    schemes = {name for alternative in operation["security"] for name in alternative}
    return BEARER if "bearerAuth" in schemes else KEY if schemes else {}


@pytest.mark.parametrize("service", SERVICES)
async def test_an_unknown_parameter_is_refused_by_name_on_every_route(service: str) -> None:
    app = app_of(service)
    async with in_process(app) as client:
        for method, path, operation in operations(app.openapi()):
            names = sorted(p["name"] for p in operation.get("parameters", []) if p["in"] == "query")
            url = path.replace("{", "").replace("}", "").replace("_id", "")
            answer = await ask(client, method, url, operation, "offset=2&pages=3")
            assert answer.status_code == 422, f"{method} {path}: {answer.text}"
            problem = answer.json()
            assert problem["type"].endswith("/unknown-parameter"), f"{method} {path}: {answer.text}"
            assert [error["path"] for error in problem["errors"]] == ["query.offset", "query.pages"]
            assert all(f"`{name}`" in problem["detail"] for name in names) or (
                not names and "none" in problem["detail"]
            )


@pytest.mark.parametrize("service", SERVICES)
async def test_a_repeated_parameter_is_refused_on_every_route_that_has_one(service: str) -> None:
    app = app_of(service)
    async with in_process(app) as client:
        for method, path, operation in operations(app.openapi()):
            for name in (p["name"] for p in operation.get("parameters", []) if p["in"] == "query"):
                url = path.replace("{", "").replace("}", "")
                answer = await ask(client, method, url, operation, f"{name}=1&{name}=2")
                assert [(e["path"], e["code"]) for e in answer.json()["errors"]] == [(f"query.{name}", "repeated")]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_list_is_read_by_cursor_or_by_number_and_not_by_both(service: str) -> None:
    app = app_of(service)
    async with in_process(app) as client:
        for method, path, operation in operations(app.openapi()):
            names = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
            assert "cursor" in names or "page" not in names, f"{method} {path}"
            # A segment in the path is read first, which needs a store.
            if "page" not in names or "{segment_id}" in path:
                continue
            url = path.replace("{", "").replace("}", "").replace("tenant_id", "1")
            answer = await client.get(f"{url}?page=2&page_size=5&limit=5", headers=credential(operation))
            assert answer.status_code == 422, f"{method} {path}: {answer.text}"
            assert [(e["path"], e["code"]) for e in answer.json()["errors"]] == [
                ("query.page", "not-allowed"),
                ("query.page_size", "not-allowed"),
            ]


async def ask(
    client: httpx.AsyncClient, method: str, url: str, operation: dict[str, Any], query: str
) -> httpx.Response:
    headers = credential(operation) | {"Content-Type": "application/json"}
    return await client.request(method, f"{url}?{query}", headers=headers, content=b"{")


async def test_a_query_string_has_a_bounded_number_of_parameters(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/things/?" + "&".join(f"a{number}=1" for number in range(1000)))
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (422, "too-complex")
    assert len(answer.content) < 1024
