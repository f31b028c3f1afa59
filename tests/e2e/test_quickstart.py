"""The quickstart of record, and the one in docs/, work as written through the gateway, on either event log."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from segops_local.stack import Stack
from tests.e2e.commands import Answer, curl_commands, localise, run_curl

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).parent / "data" / "quickstart-of-record.txt"
PASSWORD = "correct-horse-battery"


@pytest.fixture(params=[pytest.param("stack"), pytest.param("kafka_stack", marks=pytest.mark.kafka)])
def url(request: pytest.FixtureRequest) -> str:
    """The gateway of a running stack, once on each event log."""
    stack: Stack = request.getfixturevalue(request.param)
    return stack.url


@dataclass(slots=True)
class Reader:
    """Somebody who follows a document: what to put in place of its examples, and what came back so far."""

    url: str
    slash: bool
    replace: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    async def run(self, command: str) -> Answer:
        return await run_curl(localise(command, url=self.url, replace=self.replace, slash=self.slash), self.variables)

    def has_token(self, token: str) -> None:
        self.variables |= {"JWT": token, "JWT_TOKEN": token}

    def has_key(self, key: str) -> None:
        self.variables |= {"API_KEY": key, "SEGOPS_API_KEY": key}


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield client


async def sign_up(client: httpx.AsyncClient) -> tuple[str, int, str]:
    """A fresh account with a tenant: e-mail, tenant id, access token."""
    name = f"acme-{secrets.token_hex(6)}"
    email = f"{name}@example.com"
    answer = await client.post(
        "/api/auth/signup/",
        json={"email": email, "password": PASSWORD, "tenant_name": name, "tenant_slug": name},
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return email, body["tenant"]["id"], body["tokens"]["access_token"]


async def new_key(client: httpx.AsyncClient, tenant: int, token: str) -> str:
    answer = await client.post(
        "/api/auth/api-keys/",
        json={"tenant": tenant, "name": "backend"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201, answer.text
    key = answer.json()["key"]
    assert isinstance(key, str)
    assert key.startswith("sk_live_")
    return key


async def run_ends(client: httpx.AsyncClient, segment: int, run_id: str, token: str) -> dict[str, Any]:
    """The run once it is no longer queued or running."""
    for _ in range(150):
        answer = await client.get(
            f"/api/segments/{segment}/runs/{run_id}/", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        run: dict[str, Any] = answer.json()
        if run["status"] not in ("queued", "running"):
            return run
        await asyncio.sleep(0.2)
    raise AssertionError(f"run {run_id} did not end in 30 s")


async def succeeds(reader: Reader, client: httpx.AsyncClient, segment: int, queued: Answer) -> dict[str, Any]:
    assert queued.status == 202
    assert queued.body["status"] == "queued"
    run = await run_ends(client, segment, queued.body["run_id"], reader.variables["JWT"])
    assert run["status"] == "succeeded", run
    return run


@pytest.mark.parametrize("slash", [True, False], ids=["trailing slash", "no trailing slash"])
async def test_the_quickstart_of_record(url: str, client: httpx.AsyncClient, slash: bool) -> None:
    patched, compute, check = 1, 2, 3
    commands = curl_commands(RECORD.read_text())
    assert len(commands) == 9
    reader = Reader(url, slash)
    email, tenant, token = await sign_up(client)
    key = await new_key(client, tenant, token)
    reader.has_token(token)
    reader.has_key(key)
    reader.replace = {"[email protected]": email, "yourpassword": PASSWORD, '"tenant": 1': f'"tenant": {tenant}'}
    for path, body in {
        "track": {"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}},
        "identify": {"user_id": "user-123", "traits": {"email": "user@example.com", "plan": "starter"}},
    }.items():
        sent = await client.post(f"/api/ingestion/{path}/", json=body, headers={"Authorization": f"ApiKey {key}"})
        assert sent.status_code == 202, sent.text

    created = await reader.run(commands[0])
    assert created.status == 201
    assert created.body["name"] == "Pricing Page Visitors"
    segment = created.body["id"]
    reader.replace["/segments/42/"] = f"/segments/{segment}/"
    assert (await reader.run(commands[patched])).status == 200
    run = await succeeds(reader, client, segment, await reader.run(commands[compute]))
    assert run["size"] == 1
    first, second = await reader.run(commands[check]), await reader.run(commands[check])
    assert first == Answer(200, {"user_id": "user-123", "segment_ids": [segment], "cached": False})
    assert second == Answer(200, {"user_id": "user-123", "segment_ids": [segment], "cached": True})

    tokens, tracked, created, *rest = [await reader.run(command) for command in commands[4:7]]
    assert rest == []
    assert tokens.status == 200
    reader.has_token(tokens.body["access_token"])
    assert tracked.status == 202
    assert tracked.body["accepted"] == 1
    assert created.status == 201
    undefined = created.body["id"]
    reader.replace["/segments/1/"] = f"/segments/{undefined}/"
    run = await succeeds(reader, client, undefined, await reader.run(commands[7]))
    assert run["size"] == 0, "a segment has no members until it has a definition"
    assert (await reader.run(commands[8])).body == {
        "user_id": "user-123",
        "segment_ids": [segment],
        "cached": False,
    }


@pytest.mark.parametrize("slash", [True, False], ids=["trailing slash", "no trailing slash"])
@pytest.mark.parametrize("document", ["docs/quickstart.md", "README.md"])
async def test_a_quickstart_of_ours(url: str, client: httpx.AsyncClient, document: str, slash: bool) -> None:
    signup, token, key, track, identify, create, define, compute, runs, check = curl_commands(
        (ROOT / document).read_text()
    )
    name = f"acme-{secrets.token_hex(6)}"
    reader = Reader(url, slash)
    reader.replace = {"you@example.com": f"{name}@example.com", "yourpassword": PASSWORD, '"acme"': f'"{name}"'}

    signed_up = await reader.run(signup)
    assert signed_up.status == 201
    reader.replace['"tenant": 1'] = f'"tenant": {signed_up.body["tenant"]["id"]}'
    reader.has_token((await reader.run(token)).body["access_token"])
    reader.has_key((await reader.run(key)).body["key"])
    for command in (track, identify):
        assert (await reader.run(command)).body["status"] == "accepted"
    segment = (await reader.run(create)).body["id"]
    reader.replace["/segments/42/"] = f"/segments/{segment}/"
    assert (await reader.run(define)).status == 200
    await succeeds(reader, client, segment, await reader.run(compute))
    assert (await reader.run(runs)).body["items"][0]["status"] == "succeeded"
    for cached in (False, True):
        answer = await reader.run(check)
        assert answer.body == {"user_id": "user-123", "segment_ids": [segment], "cached": cached}
