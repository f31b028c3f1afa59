"""Static lists, from the upload through the gateway to the lookup."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.e2e.people import Person, memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack

IDS = 20_000
MILLION = 1_000_000
FEW = 1_000
PASSED = ("segments.api", "segments.outbox", "membership.worker")


async def _lines(first: int, last: int, *, users: int = MILLION) -> AsyncIterator[bytes]:
    for i in range(first, last, 1_000):
        yield b"".join(b'"partner-%d"\n' % (n % users) for n in range(i, min(i + 1_000, last)))


async def _upload(person: Person, path: str, content: AsyncIterator[bytes], expect: int = 202) -> Any:
    headers = person.bearer | {"Content-Type": "application/x-ndjson"}
    answer = await person.client.put(path, content=content, headers=headers)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def _is_in(client: httpx.AsyncClient, key: str, user_id: str, segments: list[int]) -> None:
    async with asyncio.timeout(60):
        while (await memberships(client, key, user_id))["segment_ids"] != segments:
            await asyncio.sleep(0.1)


async def test_a_list_is_uploaded_replaced_and_changed(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "partner-7", "event_type": "page_viewed"})
        body = {"name": "Partners", "tenant": person.tenant, "segment_type": "static"}
        segment = (await person.ask("POST", "/api/segments/", 201, body))["id"]
        path = f"/api/segments/{segment}/members/"

        queued = await _upload(person, path, _lines(0, IDS))
        assert queued["accepted"] == IDS
        run = await person.run_succeeds(segment, queued["run_id"])
        assert (run["size"], run["entered"], run["exited"]) == (IDS, IDS, 0)
        for user_id, segments in (("partner-7", [segment]), (f"partner-{IDS - 1}", [segment]), ("partner-x", [])):
            await _is_in(client, key, user_id, segments)

        _abort_upload(valkey_stack.url, path, person.token)
        queued = await _upload(person, path, _lines(10, IDS + 10))
        assert queued["version"] == 3
        run = await person.run_succeeds(segment, queued["run_id"])
        assert (run["size"], run["entered"], run["exited"]) == (IDS, 10, 10)

        queued = await person.ask("PATCH", path, 202, {"add": ["partner-7"], "remove": ["partner-11"]})
        run = await person.run_succeeds(segment, queued["run_id"])
        assert (run["size"], run["entered"], run["exited"]) == (IDS, 1, 1)
        await _is_in(client, key, "partner-7", [segment])
        await _is_in(client, key, "partner-11", [])

        nested = {"logic": "AND", "conditions": [{"type": "segment", "segment_id": segment, "negate": True}]}
        others = await person.new_segment("Others", nested)
        await send(client, key, "track", {"user_id": "partner-11", "event_type": "page_viewed"})
        assert (await person.compute(others))["size"] == 1
        await _is_in(client, key, "partner-11", [others])

        await person.ask("DELETE", f"/api/segments/{others}/", 204)
        await person.ask("DELETE", f"/api/segments/{segment}/", 204)
        await _is_in(client, key, "partner-7", [])


async def test_an_answer_says_how_many_users_are_known(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "partner-7", "event_type": "page_viewed"})
        everybody = await person.new_segment("Everybody", {"logic": "AND", "conditions": []})
        assert (await person.compute(everybody))["size"] == 1
        body = {"name": "Partners", "tenant": person.tenant, "segment_type": "static"}
        segment = (await person.ask("POST", "/api/segments/", 201, body))["id"]
        ids = {"user_ids": ["partner-7", "stranger", "stranger"]}
        answer = await person.ask("PUT", f"/api/segments/{segment}/members/", 202, ids)
        assert answer["understood"]["known"] == {"checked": 2, "known": 1}


async def test_a_million_ids_pass_in_bounded_memory(valkey_stack: RunningStack) -> None:
    """As Python strings, the ids would take 65 MB, and twice that where they are also serialized.

    They repeat few users: a million entering users would be reported one by one, which slows other tests down.
    """
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        body = {"name": "Everybody", "tenant": person.tenant, "segment_type": "static"}
        segment = (await person.ask("POST", "/api/segments/", 201, body))["id"]
        before = {name: _resident(valkey_stack, name) for name in PASSED}
        queued = await _upload(person, f"/api/segments/{segment}/members/", _lines(0, MILLION, users=FEW))
        assert queued["accepted"] == MILLION
        assert (await person.run_succeeds(segment, queued["run_id"]))["size"] == FEW
        grown = {name: _resident(valkey_stack, name) - before[name] for name in PASSED}
        assert all(size < 64 << 20 for size in grown.values()), grown


def _resident(valkey_stack: RunningStack, name: str) -> int:
    """Return the peak memory of a process in bytes."""
    status = Path(f"/proc/{valkey_stack.process(name).pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _abort_upload(url: str, path: str, token: str) -> None:
    """Send a part of an upload and close the connection."""
    address = urlsplit(url)
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    lines = b'"intruder"\n' * 10_000
    with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
        connection.sendall(head.encode() + b"%x\r\n" % len(lines) + lines + b"\r\n")
