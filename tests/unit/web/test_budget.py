"""Requests that end early: their time is up, or their caller has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from segops_common.web.app import Running, create_app, new_router
from segops_common.web.idempotency import identified_by
from segops_common.web.request.route import READS_ONLY, takes_an_upload
from segops_testkit.http import in_process


@dataclass
class Work:
    """What the handlers of the test app do."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0
    finished: int = 0

    async def take_long(self) -> str:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.finished += 1
        return "finished"


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def app(work: Work) -> FastAPI:
    router = new_router(prefix="/api")

    @router.get("/read/")
    async def read() -> str:
        return await work.take_long()

    @router.post("/preview/", openapi_extra=READS_ONLY)
    async def preview() -> str:
        return await work.take_long()

    @router.post("/change/")
    @identified_by("name")
    async def change() -> str:
        return await work.take_long()

    @router.post("/upload/")
    @identified_by("name")
    @takes_an_upload
    async def upload() -> str:
        return await work.take_long()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[None]]:
        yield Running(None)

    return create_app(title="Slow", description="Slow routes.", lifespan=lifespan, routers=[router])


@pytest.mark.parametrize(("method", "path"), [("GET", "read"), ("POST", "preview"), ("POST", "change")])
async def test_a_request_is_stopped_before_the_gateway_gives_up(
    app: FastAPI, work: Work, method: str, path: str
) -> None:
    app.state.request_budget_s = 0.05
    async with in_process(app) as client:
        response = await client.request(method, f"/api/{path}/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["type"].endswith("/deadline-exceeded")
    assert work.cancelled == 1


async def test_an_upload_may_take_longer(app: FastAPI, work: Work) -> None:
    app.state.request_budget_s = 0.01
    async with in_process(app) as client:
        request = asyncio.create_task(client.post("/api/upload/"))
        await work.begun.wait()
        await asyncio.sleep(0.03)
        work.go_on.set()
        assert (await request).status_code == 200


@dataclass
class Connection:
    """One request at the level of ASGI, by a caller who can hang up."""

    app: FastAPI
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[Message] = field(default_factory=list)
    received: int = 0

    async def request(self, method: str, path: str) -> None:
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "state": {},
        }
        await self.app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        self.received += 1
        if self.received == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/read/"), ("POST", "/api/preview/")])
async def test_a_read_ends_when_its_caller_has_gone(app: FastAPI, work: Work, method: str, path: str) -> None:
    connection = Connection(app)
    request = asyncio.create_task(connection.request(method, path))
    await work.begun.wait()
    connection.gone.set()
    async with asyncio.timeout(60):
        await request
    assert (work.cancelled, connection.sent) == (1, [])


async def test_a_change_goes_on_without_its_caller(app: FastAPI, work: Work) -> None:
    connection = Connection(app)
    connection.gone.set()
    request = asyncio.create_task(connection.request("POST", "/api/change/"))
    await work.begun.wait()
    await asyncio.sleep(0.3)
    work.go_on.set()
    await request
    assert (work.cancelled, work.finished) == (0, 1)
