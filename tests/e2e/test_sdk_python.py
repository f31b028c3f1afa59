"""Events of the Python client reach a segment, and the client reports them as accepted."""

from __future__ import annotations

import asyncio

from segops_client import AsyncSegOpsClient, Result
from tests.e2e.people import patient_client, sign_up
from tests.shared.client import RunningStack

VISITED = {
    "logic": "AND",
    "conditions": [
        {"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1},
        {"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"},
    ],
}


async def test_events_reach_a_segment(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as http:
        person = await sign_up(http)
        client = AsyncSegOpsClient(api_url=valkey_stack.url + "/", api_key=(await person.new_key())["key"])
        client.track(user_id="user-123", event_type="page_viewed", payload={"path": "/pricing"})
        client.identify(user_id="user-123", traits={"email": "user@example.com", "plan": "starter"})
        client.page(user_id="user-123", name="Pricing")
        client.group(user_id="user-123", group_id="acme", traits={"seats": 3})
        client.alias(user_id="user-123", previous_id="visitor-1")
        assert await client.flush(60)
        segment = await person.new_segment("Visitors", VISITED)
        assert (await person.compute(segment))["size"] == 1
        async with asyncio.timeout(60):
            while await client.segments("user-123") != [segment]:
                await asyncio.sleep(0.1)
        assert await client.shutdown() == Result(sent=5, dropped=0)
