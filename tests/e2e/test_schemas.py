"""Event schemas through the gateway: each mode, and a replay after the schema was mended."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.e2e.people import Person, patient_client, send, sign_up
from tests.shared.client import RunningStack

TOTAL = {"name": "total", "type": "number", "required": True}
TRACK = "/api/ingestion/track/"


async def eventually(person: Person, path: str, holds: Any) -> Any:
    """Read until the answer is as expected."""
    async with asyncio.timeout(60):
        while not holds(answer := await person.ask("GET", path, 200)):
            await asyncio.sleep(0.1)
    return answer


MODES = ("refuse", "warn", "quarantine")
EVENTS = [
    {"user_id": "u", "event_type": mode, "message_id": f"{mode}-{total}", "payload": {"total": total}}
    for mode in MODES
    for total in ("5", "canary")
]


async def create_schemas(client: httpx.AsyncClient, person: Person, key: str) -> int:
    """Create a schema of each mode, wait until they apply, and return the id of the last one."""
    ids = []
    for mode in MODES:
        body = {"event_type": mode, "mode": mode, "properties": [TOTAL]}
        ids.append((await person.ask("POST", "/api/schemas/", 201, body))["id"])
    probe = {"user_id": "probe", "event_type": "refuse", "payload": {}}
    async with asyncio.timeout(60):
        while (answer := await client.post(TRACK, json=probe, headers=api_key(key))).status_code == 202:
            await asyncio.sleep(0.1)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "payload.total")
    assert answer.json()["errors"][0]["code"] == "missing-property"
    return int(ids[-1])


def api_key(key: str) -> dict[str, str]:
    return {"Authorization": f"ApiKey {key}"}


async def check_receipt(client: httpx.AsyncClient, key: str) -> None:
    """Send all events, and check what the answer says about each."""
    answer = await client.post("/api/ingestion/track/batch/", json={"events": EVENTS}, headers=api_key(key))
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert (receipt["queued"], receipt["skipped"], receipt["quarantined"]) == (5, 1, [5])
    assert [(fault["index"], fault["code"]) for fault in receipt["errors"]] == [(1, "wrong-property-type")]
    warnings = [(warning["index"], warning["code"]) for warning in receipt["warnings"]]
    assert warnings == [(3, "schema-violation"), (5, "schema-violation")]


async def check_letter_is_replayed(person: Person, schema_id: int) -> None:
    """Replay the quarantined event before and after its schema is mended."""
    letters = await eventually(person, "/api/explorer/dead-letters/", lambda page: page["results"])
    (letter,) = letters["results"]
    assert (letter["cause"], letter["event_type"]) == ("schema", "quarantine")
    assert "payload.total must be a number" in letter["reason"]
    stored = await eventually(person, "/api/explorer/events/?user_id=u", lambda page: len(page["results"]) == 4)
    totals = {event["message_id"]: event["payload"]["total"] for event in stored["results"]}
    assert totals == {"refuse-5": 5, "warn-5": 5, "warn-canary": "canary", "quarantine-5": 5}
    replay = f"/api/explorer/dead-letters/{letter['id']}/replay/"
    assert (await person.ask("POST", replay, 200))["outcome"] == "refused"
    mended = {"properties": [TOTAL | {"type": "string"}]}
    await person.ask("PATCH", f"/api/schemas/{schema_id}/", 200, mended)
    every = "/api/explorer/dead-letters/replay/"
    async with asyncio.timeout(60):
        while (answer := await person.ask("POST", every, 200, {"cause": "schema"}))["replayed"] == 0:
            assert [error["path"] for error in answer["errors"]] == ["payload.total"]
            await asyncio.sleep(0.1)
    assert (await person.ask("POST", replay, 200))["outcome"] == "replayed"
    stored = await eventually(person, "/api/explorer/events/?user_id=u", lambda page: len(page["results"]) == 5)
    assert "quarantine-canary" in {event["message_id"] for event in stored["results"]}


async def test_schemas_are_enforced_and_quarantined_events_come_back(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        ada, bob = await sign_up(client), await sign_up(client)
        key, other_key = (await ada.new_key())["key"], (await bob.new_key())["key"]
        schema_id = await create_schemas(client, ada, key)
        await send(client, other_key, "track", EVENTS[1])
        await check_receipt(client, key)
        await check_letter_is_replayed(ada, schema_id)
        for mode, reason in zip(MODES, ("event-skipped", "schema-warning", "event-quarantined"), strict=True):
            path = f"/api/explorer/rejections/?event_type={mode}"
            page = await eventually(ada, path, lambda page: len(page["results"]) > 0)
            assert reason in {entry["reason"] for entry in page["results"]}
            assert all("canary" not in entry["detail"] for entry in page["results"])
        assert (await bob.ask("GET", "/api/explorer/dead-letters/", 200))["results"] == []
        log = f"/api/auth/tenants/{ada.tenant}/audit-log/?target=event_schema"
        entries = (await ada.ask("GET", log, 200))["results"]
        assert sorted(entry["action"] for entry in entries) == ["event_schema.created"] * 3 + ["event_schema.updated"]
        of_one = (await ada.ask("GET", f"{log}:{MODES[0]}", 200))["results"]
        assert {entry["target"] for entry in of_one} == {f"event_schema:{MODES[0]}"}
