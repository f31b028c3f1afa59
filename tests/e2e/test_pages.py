"""A web page sends events through the gateway with a publishable key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.e2e.people import Person, memberships, patient_client, sign_up
from tests.shared.client import RunningStack

PAGE = "https://shop.example.com"
EVIL = "https://evil.example"
BOUGHT = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "bought", "operator": "gte", "value": 1}],
}


@pytest.fixture
async def client(valkey_stack: RunningStack) -> AsyncIterator[httpx.AsyncClient]:
    async with patient_client(valkey_stack.url) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Person:
    return await sign_up(client, "pages")


def slug_of(answer: httpx.Response) -> str:
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"], "a page reads why"
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    return str(answer.json()["type"]).rsplit("/", 1)[-1]


async def test_events_of_a_page_that_is_left_reach_a_segment(client: httpx.AsyncClient, ada: Person) -> None:
    publishable = await ada.new_key(kind="publishable", allowed_origins=[PAGE])
    secret = await ada.new_key()
    segment = await ada.new_segment("buyers", BOUGHT)
    events = [{"type": "track", "user_id": f"user-{number}", "event_type": "bought"} for number in range(3)]
    answer = await client.post(
        "/api/ingestion/batch/",
        content=json.dumps({"api_key": publishable["key"], "batch": events, "sent_at": "2026-05-20T10:00:00Z"}),
        headers={"Content-Type": "text/plain;charset=UTF-8", "Origin": PAGE},
    )
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"]
    await ada.compute(segment)
    assert (await memberships(client, secret["key"], "user-2"))["segment_ids"] == [segment]
    listed = await ada.ask("GET", f"/api/auth/api-keys/?tenant={ada.tenant}", 200)
    assert [key["allowed_origins"] for key in listed["results"]] == [[PAGE], []]


async def test_a_page_asks_before_it_sends_and_its_origin_decides(client: httpx.AsyncClient, ada: Person) -> None:
    key = await ada.new_key(kind="publishable", allowed_origins=[PAGE])
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    preflight = await client.options("/api/ingestion/track/", headers={"Origin": PAGE} | asks)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")

    async def send(origin: str, secret: str = key["key"]) -> httpx.Response:
        return await client.post(
            "/api/ingestion/track/",
            json={"user_id": "u", "event_type": "bought"},
            headers={"Authorization": f"ApiKey {secret}", "Origin": origin},
        )

    assert (await send(PAGE)).status_code == 202
    assert slug_of(await send(EVIL)) == "origin-not-allowed"
    leaked = await ada.new_key()
    refused = await send(PAGE, leaked["key"])
    assert (refused.status_code, slug_of(refused)) == (403, "secret-key-in-page")
    assert leaked["key"] not in refused.text
    await ada.ask("PATCH", f"/api/auth/api-keys/{key['id']}/", 200, {"allowed_origins": [EVIL]})
    for _ in range(400):
        if (await send(EVIL)).status_code == 202:
            break
        await asyncio.sleep(0.1)
    assert slug_of(await send(PAGE)) == "origin-not-allowed"


async def test_no_log_shows_a_key_that_came_in_a_body(
    valkey_stack: RunningStack, client: httpx.AsyncClient, ada: Person
) -> None:
    page, secret = await ada.new_key(kind="publishable", allowed_origins=[PAGE]), await ada.new_key()
    event = {"user_id": "u", "event_type": "bought"}

    async def send(body: object, origin: str) -> str:
        answer = await client.post(
            "/api/ingestion/track/", content=json.dumps(body), headers={"Content-Type": "text/plain", "Origin": origin}
        )
        assert page["key"] not in answer.text
        assert secret["key"] not in answer.text
        return answer.headers["X-Request-Id"]

    await send(event | {"api_key": page["key"]}, PAGE)
    await send(event | {"api_key": page["key"]}, EVIL)
    await send(event | {"api_key": secret["key"]}, PAGE)
    last = await send(event | {"api_key": [page["key"]]}, PAGE)
    gateway = valkey_stack.process("gateway")
    access = gateway.folder / "access.log"
    for _ in range(100):
        if last in access.read_text(errors="replace"):
            break
        await asyncio.sleep(0.1)
    assert last in access.read_text(errors="replace"), "the log has all requests"
    for log in (access, gateway.log, valkey_stack.process("ingest.api").log, valkey_stack.process("auth.api").log):
        text = log.read_text(errors="replace")
        assert page["key"] not in text
        assert secret["key"] not in text


async def test_no_other_service_answers_pages(client: httpx.AsyncClient, ada: Person) -> None:
    key = await ada.new_key(kind="publishable", allowed_origins=["*"])
    headers = {"Authorization": f"ApiKey {key['key']}", "Origin": PAGE}
    lookup = await client.get("/api/segments/membership/", params={"user_id": "u"}, headers=headers)
    assert (lookup.status_code, lookup.json()["type"].rsplit("/", 1)[-1]) == (403, "insufficient-scope")
    assert "Access-Control-Allow-Origin" not in lookup.headers
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    for path in ("/api/segments/membership/", "/api/segments/", "/api/auth/token/", "/api/auth/api-keys/"):
        answer = await client.options(path, headers=asks)
        assert answer.status_code == 405
        assert "Access-Control-Allow-Origin" not in answer.headers
