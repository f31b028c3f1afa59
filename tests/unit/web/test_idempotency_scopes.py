"""An Idempotency-Key belongs to its caller on every route: two callers with the same key never meet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

import segops_auth.app
import segops_ingest.app
import segops_membership.app
import segops_segments.app
from segops_auth.adapters.idempotency import PepperedIdempotency
from segops_auth.service.secrets import Secrets
from segops_common.core.ids import SystemIds
from segops_common.security.permissions import KeyKind, Role
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.web.app import Lifespan, new_router
from segops_common.web.idempotency import answer_once, credential_fields
from segops_common.web.request.route import TAKES_IDEMPOTENCY_KEY, StrictRoute
from segops_ingest.api.fast_routes import FastRoute
from segops_testkit.clock import ManualClock
from segops_testkit.idempotency import MemoryIdempotency

BUILDERS: dict[str, Callable[[Lifespan[Any]], FastAPI]] = {
    "auth": segops_auth.app.api_app,
    "ingest": segops_ingest.app.api_app,
    "membership": segops_membership.app.api_app,
    "segments": segops_segments.app.api_app,
}
CALLERS: tuple[Principal, ...] = (
    UserPrincipal(user_id=1, roles={1: Role.OWNER}),
    UserPrincipal(user_id=2, roles={1: Role.OWNER}),
    KeyPrincipal(key_id=1, tenant_id=1, scopes=frozenset(), kind=KeyKind.SECRET),
    KeyPrincipal(key_id=2, tenant_id=2, scopes=frozenset(), kind=KeyKind.SECRET),
)


@asynccontextmanager
async def never() -> AsyncIterator[NoReturn]:
    raise RuntimeError("no request reaches a handler")
    yield


def keyed_routes() -> Iterator[tuple[str, StrictRoute]]:
    for name, build in BUILDERS.items():
        for route in build(never).routes:
            # Ingest stores no responses: it derives message ids from the key and the tenant.
            if isinstance(route, FastRoute) or not isinstance(route, StrictRoute):
                continue
            if route.takes_idempotency_key:
                yield f"{name} {sorted(route.methods or ())[0]} {route.path}", route


ROUTES = dict(keyed_routes())
ANONYMOUS = {name: route for name, route in ROUTES.items() if credential_fields(route.endpoint)}


class Server:
    """Answers every request once, with the store that auth uses."""

    def __init__(self) -> None:
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        secrets = Secrets(pepper="pepper", ids=SystemIds(clock))
        self.state = type(
            "State", (), {"idempotency": PepperedIdempotency(store=MemoryIdempotency(clock=clock), secrets=secrets)}
        )()
        self.handled = 0

    async def send(self, route: StrictRoute, body: Any, caller: Principal | None = None) -> Response:
        raw = json.dumps(body).encode()
        request = Request(
            {
                "type": "http",
                "method": sorted(route.methods or ())[0],
                "path": route.path,
                "query_string": b"",
                "headers": [],
                "app": self,
            }
        )
        request._body, request._json = raw, body
        if caller is not None:
            request.state.principal = caller

        async def handle() -> Response:
            self.handled += 1
            return Response(str(self.handled))

        return await answer_once(request, key="k", body=raw, endpoint=route.endpoint, handle=handle)


def test_every_service_is_covered() -> None:
    assert {name.split()[0] for name in ROUTES} == {"auth", "segments", "membership"}
    assert sorted(route.path for route in ANONYMOUS.values()) == [
        "/api/auth/email/verify/",
        "/api/auth/invites/accept/",
        "/api/auth/password/reset/",
        "/api/auth/password/reset/confirm/",
        "/api/auth/signup/",
        "/api/auth/token/",
        "/api/auth/token/refresh/",
        "/api/auth/token/revoke/",
    ]


@pytest.mark.parametrize("name", sorted(set(ROUTES) - set(ANONYMOUS)))
async def test_each_caller_has_keys_of_their_own(name: str) -> None:
    server = Server()
    for number, caller in enumerate(CALLERS, 1):
        answer = await server.send(ROUTES[name], {"number": number}, caller)
        assert answer.body == str(number).encode()
    assert server.handled == len(CALLERS)


@pytest.mark.parametrize("name", sorted(ANONYMOUS))
async def test_each_anonymous_caller_has_keys_of_their_own(name: str) -> None:
    server, route = Server(), ANONYMOUS[name]
    fields = credential_fields(route.endpoint)
    first = dict.fromkeys(fields, "first") | {"more": 1}
    others = [first | {field: "second"} for field in fields]
    for body in (first, *others):
        await server.send(route, body)
    assert server.handled == 1 + len(fields)


@pytest.mark.parametrize("name", sorted(ANONYMOUS))
def test_every_credential_in_the_body_identifies_an_anonymous_caller(name: str) -> None:
    body = ANONYMOUS[name].body_field
    assert body is not None
    model = body.field_info.annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    properties = model.model_json_schema()["properties"]
    secrets = {
        field for field, schema in properties.items() if schema.get("writeOnly") or schema.get("format") == "email"
    }
    assert set(credential_fields(ANONYMOUS[name].endpoint)) == secrets


def test_an_anonymous_route_that_names_no_credential_cannot_be_made() -> None:
    async def handler() -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="identified_by"):
        new_router().post("/open/")(handler)


def test_a_route_that_only_reads_takes_no_key() -> None:
    """A stored response would be out of date for a day."""
    routes = [route for build in BUILDERS.values() for route in build(never).routes if isinstance(route, StrictRoute)]
    readers = [route for route in routes if (route.openapi_extra or {}).get(TAKES_IDEMPOTENCY_KEY) is False]
    assert len(readers) > 3
    assert not any(route.takes_idempotency_key for route in readers)
