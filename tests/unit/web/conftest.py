"""A small app made by the factory, with a route of every kind that the services have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import httpx
import pytest
from fastapi import Body, Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from segops_common.core.problems import Conflict, RateLimited, Unavailable
from segops_common.security.permissions import Role, Scope
from segops_common.security.principal import Principal, UserPrincipal
from segops_common.stores.clickhouse import ClickHouseUnavailable
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.dependencies import PageParams, PathId, require, signed_in
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.clock import ManualClock
from segops_testkit.http import in_process
from segops_testkit.idempotency import MemoryIdempotency

START = datetime(2026, 1, 1, tzinfo=UTC)
WRITER = {"Authorization": "Bearer writer"}
VIEWER = {"Authorization": "Bearer viewer"}
KEY = {"Authorization": "ApiKey key"}


class Part(BaseModel):
    """Something inside a thing."""

    model_config = ConfigDict(strict=True, extra="forbid")

    value: int = Field(ge=1, le=10)


class Thing(BaseModel):
    """What the test app makes."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"example": {"name": "a"}})

    name: str = Field(min_length=1, max_length=50)
    parts: list[Part] = []


class MadeThing(BaseModel):
    """A thing with its number."""

    model_config = ConfigDict(json_schema_extra={"example": {"number": 1, "name": "a"}})

    number: int
    name: str


@dataclass
class Works:
    """How often the app did something."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    made: int = 0
    closed: list[str] = field(default_factory=list)
    away: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self) -> None:
        if self.away:
            raise ConnectionError("10.0.0.7 refused")


def works_of(request: Request) -> Works:
    works: Works = request.app.state.running
    return works


WorksOfApp = Annotated[Works, Depends(works_of)]
router = new_router(prefix="/api/things", tags=["things"])


@router.post("/", status_code=201, responses=problems(409, 429))
async def create_thing(
    thing: Thing, works: WorksOfApp, caller: Annotated[Principal, require(Scope.SEGMENTS_WRITE)]
) -> MadeThing:
    """Make a thing."""
    works.made += 1
    if thing.name == "slow":
        works.arrived.set()
        await works.gate.wait()
    if thing.name == "taken":
        raise Conflict("There is such a thing.", slug="name-taken")
    if thing.name == "many":
        raise RateLimited("Slower.", retry_after_s=7)
    if thing.name == "broken":
        raise RuntimeError("password=hunter2 sk_live_abc")
    return MadeThing(number=works.made, name=thing.name)


@router.post("/secrets/", status_code=201)
@answers_with_a_secret
async def create_secret(works: WorksOfApp, caller: Annotated[UserPrincipal, signed_in()]) -> MadeThing:
    """Make a secret."""
    works.made += 1
    return MadeThing(number=works.made, name="hidden")


@router.get("/")
async def list_things(page: PageParams, name: str = "") -> MadeThing:
    """List things."""
    return MadeThing(number=page.limit, name=name)


@router.get("/{thing_id}/")
async def get_thing(
    thing_id: PathId, caller: Annotated[Principal, require(Scope.SEGMENTS_READ, users=False)]
) -> MadeThing:
    """Get a thing."""
    return MadeThing(number=thing_id, name="x")


@router.post("/{thing_id}/compute/", status_code=202)
@identified_by("name")
async def compute_thing(thing_id: PathId, thing: Annotated[Thing | None, Body()] = None) -> MadeThing:
    """Compute a thing."""
    return MadeThing(number=thing_id, name=thing.name if thing else "")


@router.get("/documents/plain.json")
async def get_document() -> MadeThing:
    """A path without a slash at its end."""
    return MadeThing(number=0, name="document")


@router.get("/away/warehouse/")
async def get_away() -> MadeThing:
    """A store that is away."""
    raise ClickHouseUnavailable("no route to 10.0.0.7", 0)


@router.get("/away/service/")
async def get_away_service() -> MadeThing:
    """A service that is away."""
    raise Unavailable("Not now.", retry_after_s=3)


def known_callers() -> FakeAuthenticator:
    authenticator = FakeAuthenticator()
    authenticator.add_user("writer", 1, {1: Role.OWNER})
    authenticator.add_user("viewer", 2, {1: Role.VIEWER})
    authenticator.add_key("key", 1, {Scope.SEGMENTS_READ})
    return authenticator


def thing_app(works: Works) -> FastAPI:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Works]]:
        store = MemoryIdempotency(clock=works.clock)
        yield Running(works, known_callers(), {"engine": works.check}, store)
        works.closed.append("resources")

    return create_app(
        title="Things",
        description="Things for tests.",
        lifespan=lifespan,
        routers=[router],
        tags=[{"name": "things", "description": "Things."}],
    )


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def app(works: Works) -> FastAPI:
    return thing_app(works)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(app) as client:
        yield client
