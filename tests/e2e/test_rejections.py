"""What was refused is shown to its tenant, and test events reach the test tenant, through the gateway."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import replace
from typing import Any

from tests.e2e.people import Person, patient_client, sign_up
from tests.shared.client import RunningStack

WITHIN_S = 60.0


async def newest_rejection(person: Person, **expected: Any) -> dict[str, Any]:
    """Return the newest entry with these values, once there is one."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        entries = (await person.ask("GET", f"/api/explorer/rejections/?tenant={person.tenant}", 200))["results"]
        for entry in entries:
            if all(entry[name] == value for name, value in expected.items()):
                rejection: dict[str, Any] = entry
                return rejection
        await asyncio.sleep(0.1)
    raise AssertionError(f"no such rejection: {expected}")


async def test_what_was_refused_is_shown_to_its_tenant(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        ada, bob = await sign_up(client), await sign_up(client)
        key = await ada.new_key()
        headers = {"Authorization": f"ApiKey {key['key']}"}
        body = {"events": [{"user_id": "u"}, {"user_id": "u", "event_type": "e"}]}
        answer = await client.post("/api/ingestion/track/batch/", json=body, headers=headers)
        assert (answer.status_code, answer.json()["queued"], answer.json()["skipped"]) == (202, 1, 1)
        skipped = await newest_rejection(ada, reason="event-skipped", code="missing", path="event_type")
        assert (skipped["key_id"], skipped["key_last_four"]) == (key["id"], key["key"][-4:])

        await ada.ask("DELETE", f"/api/auth/api-keys/{key['id']}/", 204)
        deadline = time.monotonic() + WITHIN_S
        while (await client.post("/api/ingestion/track/", json={}, headers=headers)).status_code != 401:
            assert time.monotonic() < deadline
        assert (await newest_rejection(ada, reason="invalid-api-key"))["key_id"] == key["id"]
        assert (await bob.ask("GET", "/api/explorer/rejections/", 200))["count"] == 0
        assert (await ada.ask("GET", "/api/explorer/dead-letters/", 200))["results"] == []
        await ada.ask("POST", f"/api/explorer/dead-letters/{'0' * 32}/replay/", 404)


async def test_a_test_event_is_seen_in_the_test_tenant_only(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        live = await sign_up(client)
        event = {"tenant": live.tenant, "user_id": "robot", "event_type": "page_viewed", "payload": {}}
        refused = await live.ask("POST", "/api/explorer/sandbox/publish/", 409, event)
        assert refused["type"].endswith("/no-test-tenant")
        wish = {"name": "Tests", "slug": f"t-{secrets.token_hex(6)}", "is_test": True, "test_of": live.tenant}
        test = replace(live, tenant=(await live.ask("POST", "/api/auth/tenants/", 201, wish))["id"])
        published = await live.ask("POST", "/api/explorer/sandbox/publish/", 202, event)
        assert (published["queued"], published["test_tenant"]) == (True, test.tenant)
        condition = {"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}
        sizes = []
        for person in (live, test):
            segment = await person.new_segment("visitors", {"logic": "AND", "conditions": [condition]})
            sizes.append((await person.compute(segment))["size"])
        assert sizes == [0, 1]
