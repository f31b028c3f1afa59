"""Events sent with the keys of a test tenant count in that tenant only."""

from __future__ import annotations

import secrets
from dataclasses import replace

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack

VISITED = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}],
}


async def test_what_tests_send_is_counted_among_tests_only(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        live = await sign_up(client)
        wish = {"name": "Tests", "slug": f"tests-{secrets.token_hex(6)}", "is_test": True}
        test = replace(live, tenant=(await live.ask("POST", "/api/auth/tenants/", 201, wish))["id"])
        matches = {}
        for plane, sender in ((live, "customer"), (test, "robot")):
            key = (await plane.new_key())["key"]
            await send(client, key, "track", {"user_id": sender, "event_type": "page_viewed"})
            segment = await plane.new_segment("visitors", VISITED)
            assert (await plane.compute(segment))["size"] == 1
            answers = {user: await memberships(client, key, user) for user in ("customer", "robot")}
            matches[key[:8]] = {user: answer["segment_ids"] == [segment] for user, answer in answers.items()}
        assert matches == {
            "sk_live_": {"customer": True, "robot": False},
            "sk_test_": {"customer": False, "robot": True},
        }
