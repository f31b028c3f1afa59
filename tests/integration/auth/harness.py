"""A running auth and the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from segops_auth.app import api_app
from segops_auth.bootstrap import Bootstrap
from segops_testkit.clock import ManualClock

SERVICE_TOKEN = "service-token-of-the-tests-0123456789"
PEPPER = "pepper-of-the-tests-0123456789-abcdefgh"
PASSWORD = "correct-horse-battery"
LOOPBACK = "127.0.0.1"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account and, unless they were invited, a tenant of their own."""

    client: httpx.AsyncClient
    id: int
    email: str
    tenant: int
    tokens: Json

    async def ask(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Call as this person."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} | more.pop("headers", {})
        return await self.client.request(method, f"/api/auth/{path}", json=json, headers=headers, **more)

    async def new_key(self, **more: Any) -> Json:
        """An API key of this person's tenant, with its secret."""
        answer = await self.ask("POST", "api-keys/", {"tenant": self.tenant, "name": "key"} | more)
        return body_of(answer, 201)

    async def invite(self, email: str, role: str) -> Json:
        """An invite to this person's tenant, with its token."""
        return body_of(await self.ask("POST", f"tenants/{self.tenant}/invites/", {"email": email, "role": role}), 201)


@dataclass(frozen=True, slots=True)
class AuthHarness:
    """A client of the app that has no credential, and the app's clock."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: ManualClock

    async def post(self, path: str, json: Any, **more: Any) -> httpx.Response:
        """Call as nobody."""
        return await self.client.post(f"/api/auth/{path}", json=json, **more)

    async def sign_up(self, mark: str = "acme") -> Person:
        """A unique person with a unique tenant."""
        name = unique(mark)
        wish = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        made = body_of(await self.post("signup/", wish), 201)
        return Person(self.client, made["user"]["id"], made["user"]["email"], made["tenant"]["id"], made["tokens"])

    async def join(self, host: Person, role: str) -> Person:
        """A unique person who is in the host's tenant only."""
        email = f"{unique(role)}@example.com"
        token = (await host.invite(email, role))["token"]
        made = body_of(await self.post("invites/accept/", {"token": token, "email": email, "password": PASSWORD}), 200)
        return Person(self.client, made["user"]["id"], email, host.tenant, made["tokens"])

    async def introspect(self, key: str) -> Json:
        """What auth tells the other services of a key."""
        answer = await self.client.post(
            "/internal/introspect/", json={"key": key}, headers={"Authorization": f"Service {SERVICE_TOKEN}"}
        )
        return body_of(answer, 200)

    async def roles(self, user_id: int) -> dict[int, str]:
        """What auth tells the other services of a person."""
        answer = await self.client.get(
            f"/internal/users/{user_id}/memberships/", headers={"Authorization": f"Service {SERVICE_TOKEN}"}
        )
        return {item["tenant_id"]: item["role"] for item in body_of(answer, 200)["memberships"]}


@asynccontextmanager
async def opened(bootstrap: Bootstrap, clock: ManualClock, *, address: str = LOOPBACK) -> AsyncIterator[AuthHarness]:
    """The app with its resources, and a client that calls from that network address."""
    app = api_app(bootstrap.api, bootstrap.metrics)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 40_000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://auth.test") as client,
    ):
        yield AuthHarness(app, client, clock)


def unique(mark: str) -> str:
    """A name that nobody has."""
    return f"{mark}-{secrets.token_hex(6)}"


def body_of(answer: httpx.Response, status: int) -> Json:
    """The parsed answer, which has that status."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    body: Json = answer.json() if answer.content else {}
    return body


def problem_of(answer: httpx.Response, status: int, slug: str) -> Json:
    """The problem document, of that status and kind."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Json = answer.json()
    assert problem["type"] == f"https://segops.dev/problems/{slug}", problem
    return problem
