"""People who use a running stack over HTTP: their accounts, tenants, keys and requests."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any, Final

import httpx

PASSWORD = "correct-horse-battery"
_TRIES: Final = 30


class WaitsAsTold(httpx.AsyncHTTPTransport):
    """Repeats a GET that was refused for the moment after its `Retry-After`, as the documentation asks of clients.

    A read of the warehouse has a time limit, so on a slow machine any read can be refused.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        tries = 1 if request.method == "GET" else _TRIES
        while tries < _TRIES and answer.status_code in (503, 504) and "retry-after" in answer.headers:
            await answer.aclose()
            await asyncio.sleep(float(answer.headers["retry-after"]))
            answer = await super().handle_async_request(request)
            tries += 1
        return answer


def patient_client(url: str) -> httpx.AsyncClient:
    """Return a client of a running stack that waits as long as the machine needs."""
    return httpx.AsyncClient(base_url=url, timeout=60, transport=WaitsAsTold())


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account, a tenant and an access token."""

    client: httpx.AsyncClient
    email: str
    tenant: int
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def ask(self, method: str, path: str, expect: int, json: Any = None) -> Any:
        """Send a request as this person; return the parsed response, None if it is empty."""
        answer = await self.client.request(method, path, json=json, headers=self.bearer)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def accept(self, invite_token: str) -> None:
        """Accept an invite to another tenant."""
        await self.ask(
            "POST",
            "/api/auth/invites/accept/",
            200,
            {"token": invite_token, "email": self.email, "password": PASSWORD},
        )

    async def new_key(self, **more: Any) -> dict[str, Any]:
        """Create an API key of this person's tenant; return it with its secret."""
        key: dict[str, Any] = await self.ask(
            "POST", "/api/auth/api-keys/", 201, {"tenant": self.tenant, "name": f"key {secrets.token_hex(4)}"} | more
        )
        return key

    async def new_segment(self, name: str, definition: dict[str, Any] | None = None) -> int:
        """Create a segment in this person's tenant; return its id."""
        body = {"name": name, "tenant": self.tenant, "segment_type": "rule"}
        segment = await self.ask(
            "POST", "/api/segments/", 201, body | ({} if definition is None else {"definition": definition})
        )
        return int(segment["id"])

    async def compute(self, segment: int) -> dict[str, Any]:
        """Compute a segment and wait for the run to succeed."""
        queued = await self.ask("POST", f"/api/segments/{segment}/compute/", 202)
        assert queued["status"] == "queued"
        return await self.run_succeeds(segment, queued["run_id"])

    async def run_succeeds(self, segment: int, run_id: str) -> dict[str, Any]:
        """Wait until the run succeeded and return it."""
        for _ in range(600):
            run: dict[str, Any] = await self.ask("GET", f"/api/segments/{segment}/runs/{run_id}/", 200)
            if run["status"] not in ("queued", "running"):
                assert run["status"] == "succeeded", run
                return run
            await asyncio.sleep(0.2)
        raise AssertionError(f"run {run_id} did not end in 120 s")


async def sign_up(client: httpx.AsyncClient, mark: str = "acme") -> Person:
    """Return a new person. The names of the account and the tenant start with `mark`."""
    name = f"{mark}-{secrets.token_hex(6)}"
    email = f"{name}@example.com"
    answer = await client.post(
        "/api/auth/signup/",
        json={"email": email, "password": PASSWORD, "tenant_name": name, "tenant_slug": name},
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return Person(client, email, body["tenant"]["id"], body["tokens"]["access_token"])


async def send(client: httpx.AsyncClient, key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a call to the ingestion API; return the parsed 202 response."""
    answer = await client.post(f"/api/ingestion/{path}/", json=body, headers={"Authorization": f"ApiKey {key}"})
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


async def memberships(client: httpx.AsyncClient, key: str, user_id: str) -> dict[str, Any]:
    """Return the lookup response for a user."""
    answer = await client.get(
        "/api/segments/membership/", params={"user_id": user_id}, headers={"Authorization": f"ApiKey {key}"}
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
