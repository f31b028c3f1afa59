"""Segments of segments, from the definition to the lookup."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack


def did(event_type: str) -> dict[str, Any]:
    return {
        "logic": "AND",
        "conditions": [{"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1}],
    }


async def test_a_segment_of_a_segment_follows_its_definition(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        for user, event_type in (("reads", "page_viewed"), ("buys", "purchase")):
            await send(client, key, "track", {"user_id": user, "event_type": event_type})
        inner = await person.new_segment("Inner", did("page_viewed"))
        middle = await person.new_segment("Middle", to(inner))
        outer = await person.new_segment("Outer", to(middle) | {"negate": True})

        async def outer_is(*users: str) -> None:
            expected = [[outer] if user in users else [] for user in ("reads", "buys")]
            async with asyncio.timeout(60):
                while [(await memberships(client, key, user))["segment_ids"] for user in ("reads", "buys")] != expected:
                    await asyncio.sleep(0.1)

        assert (await person.compute(outer))["size"] == 1
        await outer_is("buys")
        await person.ask("PATCH", f"/api/segments/{inner}/", 200, {"definition": did("purchase")})
        again = await person.compute(outer)
        assert (again["size"], again["entered"], again["exited"]) == (1, 1, 1)
        await outer_is("reads")
        await person.ask("DELETE", f"/api/segments/{inner}/", 409)


def to(segment_id: int) -> dict[str, Any]:
    return {"logic": "AND", "conditions": [{"type": "segment", "segment_id": segment_id}]}
