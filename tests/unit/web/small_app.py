"""A small app made by the factory: one route of each kind that the services have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from fastapi import Body, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from segops_common.kit.errors import Unauthenticated, Unavailable
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.security.scopes import KeyKind, Role, Scope
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.deps import PageParams, PathId, require
from segops_common.web.problems import problems

router = new_router(prefix="/api/things", tags=["things"])


class Thing(BaseModel):
    """What the small app keeps."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(max_length=100)
    size: int = 1
    labels: dict[str, str] = Field(default_factory=dict)


class Things(BaseModel):
    """A list of them."""

    items: list[Thing]
    limit: int


@router.post("/", status_code=201, responses=problems(403))
async def create_thing(body: Thing, caller: Annotated[Principal, require(Scope.SEGMENTS_WRITE)]) -> Thing:
    """Keep a thing."""
    caller.require(1, Scope.SEGMENTS_WRITE)
    return body


@router.get("/")
async def list_things(page: PageParams, q: str = "") -> Things:
    """The things."""
    return Things(items=[Thing(name=q)] if q else [], limit=page.limit)


@router.post("/{thing_id}/poke/")
async def poke_thing(thing_id: PathId, body: Annotated[Thing | None, Body()] = None) -> Thing:
    """Poke one, with or without a body."""
    return body or Thing(name=str(thing_id))


@router.get("/broken/")
async def break_thing() -> Thing:
    """Fails."""
    raise RuntimeError("the secret reason")


@router.get("/away/")
async def fetch_thing() -> Thing:
    """Needs what is not there."""
    raise Unavailable("The store does not answer.", retry_after_s=3)


class Doorman:
    """Knows two people and two keys by name."""

    KNOWN: ClassVar[dict[str, Principal]] = {
        "Bearer owner": UserPrincipal(user_id=1, roles={1: Role.OWNER}),
        "Bearer viewer": UserPrincipal(user_id=2, roles={1: Role.VIEWER}),
        "Bearer stranger": UserPrincipal(user_id=3, roles={2: Role.OWNER}),
        "ApiKey reader": KeyPrincipal(
            key_id=1, tenant_id=1, scopes=frozenset({Scope.MEMBERSHIP_READ}), kind=KeyKind.SECRET
        ),
    }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self.KNOWN:
            raise Unauthenticated("The credential is not valid.")
        return self.KNOWN[authorization]


@asynccontextmanager
async def lifespan() -> AsyncIterator[Running[None]]:
    yield Running(None, Doorman())


def small_app() -> FastAPI:
    """A new instance."""
    return create_app(
        title="Things",
        description="A small app.",
        lifespan=lifespan,
        routers=[router],
        tags=[{"name": "things", "description": "Things."}],
    )
