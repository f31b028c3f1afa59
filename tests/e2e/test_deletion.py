"""A deleted segment disappears from lookups, not only from the segments API."""

from __future__ import annotations

import asyncio

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack

VISITED = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}],
}


async def test_a_deleted_segment_leaves_the_lookups(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "user-123", "event_type": "page_viewed"})
        kept, deleted = [await person.new_segment(name, VISITED) for name in ("Kept", "Deleted")]
        for segment in (kept, deleted):
            assert (await person.compute(segment))["size"] == 1
        async with asyncio.timeout(60):
            while (await memberships(client, key, "user-123"))["segment_ids"] != [kept, deleted]:
                await asyncio.sleep(0.1)
        await person.ask("DELETE", f"/api/segments/{deleted}/", 204)
        async with asyncio.timeout(60):
            while (await memberships(client, key, "user-123"))["segment_ids"] != [kept]:
                await asyncio.sleep(0.1)
