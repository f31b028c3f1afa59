"""Activations through the gateway, by the published admin client, to a receiver that fails first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from segops_admin import SegOpsAdmin
from segops_admin.webhook import verify_webhook

from tests.e2e.people import Person, patient_client, send, sign_up
from tests.e2e.receivers import activated, listening, received
from tests.e2e.test_changes import new_list
from tests.e2e.test_members import digest
from tests.shared.client import RunningStack

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
EVERY = ["segment.recomputed", "segment.entered", "segment.exited"]


@dataclass
class Receiver:
    """Answers 500 to the first requests, then confirms; keeps each request once."""

    failures: int = 1
    url: str = ""
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await received(reader)
        status = 200 if self._confirms(request.headers, request.body) else 500
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def _confirms(self, headers: dict[str, str], body: bytes) -> bool:
        assert verify_webhook(body, headers["x-segops-signature"], SECRET)
        self.failures -= 1
        if self.failures >= 0:
            return False
        if headers["webhook-id"] not in self.bodies:
            parsed = json.loads(body)
            self.bodies[headers["webhook-id"]] = parsed
            if parsed["event"] == "segment.entered":
                self.members |= set(parsed["user_ids"])
            elif parsed["event"] == "segment.exited":
                self.members -= set(parsed["user_ids"])
        return True


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    async with listening(Receiver()) as receiver:
        yield receiver


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not holds():
            await asyncio.sleep(0.05)


async def new_static_segment(person: Person) -> int:
    body = {"name": "Partners", "tenant": person.tenant, "segment_type": "static"}
    return int((await person.ask("POST", "/api/segments/", 201, body))["id"])


async def test_the_published_client_activates_a_segment(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client, receiving() as receiver:
        person = await sign_up(client, "activations")
        segment = await new_static_segment(person)
        key = (await person.new_key())["key"]
        activations = SegOpsAdmin(key, base_url=f"{valkey_stack.url}/api").activations

        async def call(method: Callable[..., Any], *arguments: Any) -> Any:
            return await asyncio.to_thread(method, *arguments)

        config = {"url": receiver.url, "secret": SECRET, "events": EVERY}
        body = {"segment": segment, "connector_type": "webhook", "config": config}
        created = await call(activations.create, body)
        assert (created["status"], created["config"]["secret"]) == ("inactive", "***")
        assert (await call(activations.update, created["id"], {"status": "active"}))["status"] == "active"
        assert [item["id"] for item in await call(lambda: list(activations.iterate()))] == [created["id"]]

        await new_list(person, segment, range(600))
        expected = await new_list(person, segment, range(200, 800))
        # The first request fails; sync does not wait for the next try.
        await until(lambda: receiver.failures <= 0)
        assert await call(activations.sync, created["id"]) == {"status": "queued"}
        await until(lambda: digest(sorted(receiver.members)) == expected)
        await until(lambda: list(receiver.bodies.values())[-1]["event"] == "segment.recomputed")
        recomputed = list(receiver.bodies.values())[-1]
        assert (recomputed["member_count"], recomputed["tenant_slug"][:11]) == (600, "activations")

        tested = await person.ask("POST", f"/api/activations/{created['id']}/test/", 202)
        await until(lambda: tested["delivery_id"] in receiver.bodies)
        logs = (await person.ask("GET", f"/api/activations/{created['id']}/logs/", 200))["results"]
        assert (logs[-1]["status"], logs[-1]["response_status"]) == ("failed", 500)
        assert logs[-1]["delivery_id"] in receiver.bodies
        shown = await call(activations.get, created["id"])
        assert (shown["failures"], shown["last_error"], shown["last_synced_at"] is None) == (0, None, False)
        assert await call(activations.delete, created["id"]) is None


@dataclass
class Tool:
    """The API of a tool: keeps requests, and answers 201."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await received(reader)
        self.requests.append((request.first, request.headers, json.loads(request.body)))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()


async def test_a_tool_gets_the_users_who_consented(valkey_stack: RunningStack) -> None:
    async with listening(Tool()) as tool, patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "tools")
        segment = await new_static_segment(person)
        key = (await person.new_key())["key"]
        consents = [
            {"type": "identify", "user_id": f"partner-{number}", "traits": {"consent": {"mail": number % 3 == 0}}}
            for number in range(9)
        ]
        await send(client, key, "batch", {"batch": consents})
        await until_async(lambda: _is_stored(person, "partner-8"))

        url = tool.url + "v1/{{secret}}"
        template = {"users": {"{{#users}}": {"id": "{{user_id}}", "in": "{{entered}}"}}, "n": "{{count}}"}
        config = {
            "url": url,
            "method": "PUT",
            "template": template,
            "secret": "k-1",
            "headers": {"X-Key": "{{secret}}"},
        }
        path = await activated(person, segment, connector_type="http", config=config, consent="consent.mail")
        await new_list(person, segment, range(9))
        await until_async(lambda: _has(person, path, "left_out", 6))

    ((first, headers, body),) = tool.requests
    assert (first, headers["x-key"]) == ("PUT /v1/k-1 HTTP/1.1", "k-1")
    users = [{"id": f"partner-{number}", "in": True} for number in (0, 3, 6)]
    assert (sorted(body["users"], key=lambda user: str(user["id"])), body["n"]) == (users, 3)


@pytest.mark.parametrize(("file_format", "begins"), [("csv", b'"user_id"'), ("parquet", b"PAR1")])
async def test_a_file_has_every_member(valkey_stack: RunningStack, file_format: str, begins: bytes) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "files")
        segment = await new_static_segment(person)
        path = await activated(person, segment, connector_type="file", config={"format": file_format})
        await new_list(person, segment, range(9))
        await until_async(lambda: _has_log(person, path))
        (logged,) = (await person.ask("GET", f"{path}logs/", 200))["results"]
        assert (logged["event"], logged["changes"], logged["status"]) == ("file", 9, "succeeded")
        file = await client.get(logged["response"], headers=person.bearer)
        assert (file.status_code, file.content[: len(begins)]) == (200, begins)
        if file_format == "csv":
            assert file.text.count("partner-") == 9


async def _is_stored(person: Person, user: str) -> bool:
    answer = await person.client.get(f"/api/explorer/users/{user}/", headers=person.bearer)
    return answer.status_code == 200


async def _has(person: Person, path: str, name: str, value: object) -> bool:
    return bool((await person.ask("GET", path, 200))[name] == value)


async def _has_log(person: Person, path: str) -> bool:
    return bool((await person.ask("GET", f"{path}logs/", 200))["results"])


async def until_async(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await holds():
            await asyncio.sleep(0.1)
