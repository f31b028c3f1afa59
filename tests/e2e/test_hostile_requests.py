"""Thousands of hostile requests through the gateway: each gets a proper answer, and the product still works."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.hostile.attacks import Attack
from tests.e2e.hostile.gateway import requests_to_the_gateway
from tests.e2e.hostile.verdicts import faults
from tests.e2e.hostile.wire import HostileRequest, Reply, on_the_wire, parse, send_all
from tests.e2e.hostile.world import World, make_world
from tests.e2e.people import memberships, send, sign_up
from tests.e2e.routes import operations
from tests.shared.client import RunningStack

SEED: Final = 12
TENANTS: Final = 3
AT_LEAST: Final = 2500
Exchange = tuple[HostileRequest, Reply]


def all_requests(world: World) -> list[HostileRequest]:
    """Return the requests in an order that mixes operations, the same in each run."""
    choice = random.Random(SEED)
    requests = requests_to_the_gateway()
    for operation in operations():
        requests += Attack(operation, world, choice).requests()
    choice.shuffle(requests)
    return requests


async def test_every_answer_is_proper_and_the_product_still_works(valkey_stack: RunningStack) -> None:
    async with httpx.AsyncClient(base_url=valkey_stack.url, timeout=60) as client:
        world = await make_world(client, TENANTS)
        address = urlsplit(valkey_stack.url)
        exchanges = await asyncio.to_thread(send_all, address.hostname or "", address.port or 0, all_requests(world))
        assert len(exchanges) >= AT_LEAST
        console = (await client.get("/")).content
        assert_proper([exchange for exchange in exchanges if not is_console(*exchange, console)], world.secrets())
        assert_reached(exchanges)
        await still_works(client)


def is_console(request: HostileRequest, reply: Reply, console: bytes) -> bool:
    """Return whether the page of the console answers, outside of the API. It is there once somebody has built it."""
    return reply.status == 200 and reply.body == console and "/api" not in request.name


def assert_proper(exchanges: Sequence[Exchange], secrets: set[bytes]) -> None:
    problems = [
        f"{request.operation}, {request.name}: {reply.status} {fault}\n    {reply.body[:300]!r}"
        for request, reply in exchanges
        for fault in faults(request, reply, secrets)
    ]
    assert not problems, f"{len(problems)} faults\n" + "\n".join(problems)


def assert_reached(exchanges: Sequence[Exchange]) -> None:
    """Fail unless most requests were judged: rate limits refused few, and each operation looked at its input."""
    statuses = Counter(reply.status for _, reply in exchanges)
    assert statuses[429] <= len(exchanges) // 20, statuses
    looked = {request.operation for request, reply in exchanges if reply.status in (200, 201, 202, 204, 400, 413, 422)}
    assert looked >= {operation.id for operation in operations()}


async def still_works(client: httpx.AsyncClient) -> None:
    """Track, identify, compute and look up in a new tenant."""
    person = await sign_up(client, "afterwards")
    key = (await person.new_key())["key"]
    await send(client, key, "track", {"user_id": "ada", "event_type": "purchase"})
    await send(client, key, "identify", {"user_id": "ada", "traits": {"plan": "pro"}})
    purchase = {"type": "event_count", "event_type": "purchase", "operator": "eq", "value": 1}
    plan = {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"}
    segment = await person.new_segment("buyers", {"logic": "AND", "conditions": [purchase, plan]})
    run = await person.compute(segment)
    assert run["size"] == 1
    async with asyncio.timeout(60):
        while (await memberships(client, key, "ada"))["segment_ids"] != [segment]:
            await asyncio.sleep(0.1)


def _refusal(
    status: int = 422, *, body: bytes = b'{"type":"a","title":"b","status":422,"detail":"c"}', more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/problem+json\r\n{more}"
    return head.encode() + b"\r\n" + body


PLANTED: Final = {
    "no response": b"",
    "internal error": _refusal(500),
    "bad gateway": _refusal(502, more="Retry-After: 1\r\n"),
    "unavailable": _refusal(503),
    "HTML": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx",
    "page": b"HTTP/1.1 200 OK\r\n\r\n<HTML>",
    "traceback": _refusal(body=b'{"type":"a","title":"b","status":422,"detail":"Traceback (most recent call last)"}'),
    "too large": _refusal(body=b'{"type":"a","title":"b","status":422,"detail":"' + b"c" * 16_384 + b'"}'),
    "another status": _refusal(400),
    "no title": _refusal(body=b'{"type":"a","status":422,"detail":"c"}'),
    "no JSON": _refusal(body=b"{"),
    "plain": b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno",
    "secret": _refusal(body=b'{"type":"a","title":"b","status":422,"detail":"hush"}'),
    "redirect": b"HTTP/1.1 307 X\r\nLocation: /\r\n\r\n",
    "accepted": b"HTTP/1.1 202 X\r\n\r\n",
}


@pytest.mark.parametrize("raw", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_fault_is_found(raw: bytes) -> None:
    request = HostileRequest("planted", "none", on_the_wire("POST", "/"), must_refuse=True)
    assert faults(request, parse(raw), {b"hush"})


@pytest.mark.parametrize(
    "raw",
    [
        _refusal(),
        b"HTTP/1.1 100 Continue\r\n\r\n" + _refusal(),
        _refusal(
            more="Transfer-Encoding: chunked\r\n",
            body=b'32\r\n{"type":"a","title":"b","status":422,"detail":"c"}\r\n0\r\n\r\n',
        ),
    ],
)
def test_a_proper_refusal_has_no_fault(raw: bytes) -> None:
    request = HostileRequest("proper", "none", on_the_wire("POST", "/"), must_refuse=True)
    assert faults(request, parse(raw), {b"hush"}) == []
