"""Stacks with data for backups, and what can be compared afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from segops_local.supervisor.local_stack import LocalStack
from segops_local.supervisor.topology import EventLogKind
from tests.e2e.people import PASSWORD, Person, patient_client, send, sign_up

USERS: Final = 40
VIEWED: Final = {"type": "event_count", "event_type": "viewed", "operator": "gte"}
SEGMENTS: Final[dict[str, dict[str, Any]]] = {
    "Viewed thrice": {"logic": "AND", "conditions": [VIEWED | {"value": 3}]},
    "On a plan": {
        "logic": "OR",
        "conditions": [{"type": "user_property", "property": "plan", "operator": "eq", "value": "team"}],
    },
    "First content": {
        "logic": "AND",
        "conditions": [
            VIEWED | {"value": 1, "where": [{"property": "content", "operator": "eq", "value": "first"}]},
        ],
    },
}


@asynccontextmanager
async def running(folder: Path, event_log: EventLogKind = "valkey") -> AsyncIterator[LocalStack]:
    stack = LocalStack(folder, event_log=event_log)
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop()


@asynccontextmanager
async def the_same(person: Person, url: str) -> AsyncIterator[Person]:
    """Sign the person in on another stack, with the password that they had."""
    async with patient_client(url) as client:
        answer = await client.post("/api/auth/token/", json={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield Person(client, person.email, person.tenant, answer.json()["access_token"])


def events() -> list[dict[str, Any]]:
    """Return events of three years, with traits. Every event of the first user has another content later."""
    calls: list[dict[str, Any]] = []
    for number in range(USERS):
        for visit in range(number % 5):
            calls.append(
                {
                    "type": "track",
                    "user_id": f"user-{number}",
                    "event_type": "viewed",
                    "message_id": f"m-{number}-{visit}",
                    "timestamp": f"2026-{1 + number % 10:02d}-0{1 + visit}T08:00:00Z",
                    "payload": {"a.b": visit, "nested": {"list": [1, {"deep": None}], "empty": {}}, "content": "first"},
                }
            )
        plan = {"plan": "team" if number % 3 else "free"}
        calls.append({"type": "identify", "user_id": f"user-{number}", "message_id": f"t-{number}", "traits": plan})
    return calls


async def filled(client: httpx.AsyncClient) -> tuple[Person, str]:
    """Return a person whose tenant has events, computed segments and an uploaded list, and a key."""
    person = await sign_up(client, "backup")
    key = (await person.new_key())["key"]
    await in_batches(client, key, events())
    for name, definition in SEGMENTS.items():
        await person.new_segment(name, definition)
    static = {"name": "Listed", "tenant": person.tenant, "segment_type": "static"}
    listed = (await person.ask("POST", "/api/segments/", 201, static))["id"]
    await person.ask("PUT", f"/api/segments/{listed}/members/", 202, {"user_ids": ["user-1", "never-seen"]})
    both = {"logic": "AND", "conditions": [{"type": "segment", "segment_id": listed}]}
    await person.new_segment("In the list", both)
    return person, key


async def in_batches(client: httpx.AsyncClient, key: str, calls: list[dict[str, Any]]) -> None:
    for start in range(0, len(calls), 50):
        await send(client, key, "batch", {"batch": calls[start : start + 50]})


async def segment_ids(person: Person) -> dict[str, int]:
    answer = await person.ask("GET", f"/api/segments/?tenant={person.tenant}", 200)
    return {segment["name"]: segment["id"] for segment in answer["results"]}


async def digests(person: Person, as_of: str) -> dict[str, tuple[int, str]]:
    """Compute all segments as of an instant; return the size and digest of each."""
    sizes: dict[str, tuple[int, str]] = {}
    for name, segment in (await segment_ids(person)).items():
        queued = await person.ask("POST", f"/api/segments/{segment}/compute/", 202, {"as_of": as_of})
        run = await person.run_succeeds(segment, queued["run_id"])
        sizes[name] = (run["size"], run["digest"])
    return sizes


async def event_count(stack: LocalStack, tenant: int) -> int:
    """Return the number of different events of a tenant in the warehouse."""
    url = httpx.URL(stack.engine("clickhouse").url)
    statement = f"SELECT count() FROM segops.events FINAL WHERE tenant_id = {tenant}"
    async with httpx.AsyncClient(auth=(url.username, url.password)) as client:
        answer = await client.post(f"http://{url.host}:{url.port}/", content=statement)
    assert answer.status_code == 200, answer.text
    return int(answer.text)


async def stored(stack: LocalStack, tenant: int, count: int) -> None:
    """Return when so many events are stored."""
    for _ in range(600):
        if await event_count(stack, tenant) >= count:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{await event_count(stack, tenant)} of {count} events are stored")
