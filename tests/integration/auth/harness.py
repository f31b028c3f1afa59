"""A running auth and its users."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from segops_auth.adapters.argon2.passwords import HashCost
from segops_auth.app import api_app
from segops_auth.bootstrap import Bootstrap
from segops_auth.settings import Settings
from segops_testkit.clock import ManualClock

SERVICE_TOKEN = "service-token-of-the-tests-0123456789"
PEPPER = "pepper-of-the-tests-0123456789-abcdefgh"
PASSWORD = "correct-horse-battery"
LOOPBACK = "127.0.0.1"
CHEAP = HashCost(memory_kib=8, iterations=1)
"""The lowest cost of argon2id, for tests that are not about the cost."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """A user with a session. `tenant` is the id of their own tenant or, if they were invited, of the host's."""

    client: httpx.AsyncClient
    id: int
    email: str
    tenant: int
    tokens: Json
    slug: str

    async def request(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send a request with the user's access token."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} | more.pop("headers", {})
        return await self.client.request(method, f"/api/auth/{path}", json=json, headers=headers, **more)

    async def new_key(self, **more: Any) -> Json:
        """Create an API key of the user's tenant and return it with its secret."""
        response = await self.request("POST", "api-keys/", {"tenant": self.tenant, "name": "key"} | more)
        return body_of(response, 201)

    async def invite(self, email: str, role: str) -> Json:
        """Create an invite to the user's tenant and return it with its token."""
        return body_of(
            await self.request("POST", f"tenants/{self.tenant}/invites/", {"email": email, "role": role}), 201
        )


@dataclass(frozen=True, slots=True)
class AuthHarness:
    """The app, its clock, and a client without a credential."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: ManualClock

    async def post(self, path: str, json: Any, **more: Any) -> httpx.Response:
        """Send a request without a credential."""
        return await self.client.post(f"/api/auth/{path}", json=json, **more)

    async def sign_up(self, prefix: str = "acme") -> SignedInUser:
        """Create a user with a tenant of their own."""
        name = unique(prefix)
        body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        created = body_of(await self.post("signup/", body), 201)
        return SignedInUser(
            self.client,
            created["user"]["id"],
            created["user"]["email"],
            created["tenant"]["id"],
            created["tokens"],
            slug=name,
        )

    async def join(self, host: SignedInUser, role: str) -> SignedInUser:
        """Create a user who is a member of the host's tenant only."""
        email = f"{unique(role)}@example.com"
        token = (await host.invite(email, role))["token"]
        created = body_of(
            await self.post("invites/accept/", {"token": token, "email": email, "password": PASSWORD}), 200
        )
        return SignedInUser(self.client, created["user"]["id"], email, host.tenant, created["tokens"], host.slug)

    async def introspect(self, key: str) -> Json:
        """Return what the other services learn about a key."""
        response = await self.client.post(
            "/internal/introspect/", json={"key": key}, headers={"Authorization": f"Service {SERVICE_TOKEN}"}
        )
        return body_of(response, 200)

    async def roles(self, user_id: int) -> dict[int, str]:
        """Return what the other services learn about a user: their role by tenant id."""
        response = await self.client.get(
            f"/internal/users/{user_id}/memberships/", headers={"Authorization": f"Service {SERVICE_TOKEN}"}
        )
        return {item["tenant_id"]: item["role"] for item in body_of(response, 200)["memberships"]}


@asynccontextmanager
async def opened(
    settings: Settings, clock: ManualClock, *, address: str = LOOPBACK, password_cost: HashCost = CHEAP
) -> AsyncIterator[AuthHarness]:
    """Run the app with a client that calls from this network address."""
    bootstrap = Bootstrap(settings, clock=clock, password_cost=password_cost)
    app = api_app(bootstrap.api, bootstrap.metrics)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 40_000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://auth.test") as client,
    ):
        yield AuthHarness(app, client, clock)


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{secrets.token_hex(6)}"


def body_of(response: httpx.Response, status: int) -> Json:
    """Return the parsed body of a response that must have this status."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    body: Json = response.json() if response.content else {}
    return body


def problem_of(response: httpx.Response, status: int, slug: str) -> Json:
    """Return the problem document of a response that must have this status and problem type."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    problem: Json = response.json()
    assert problem["type"] == f"https://segops.dev/problems/{slug}", problem
    return problem
