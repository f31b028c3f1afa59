"""An hourly segment is computed without a request."""

from __future__ import annotations

import asyncio
import secrets

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack


async def test_an_hourly_segment_has_members_by_itself(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "user-123", "event_type": "page_viewed"})
        visited = {"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}
        wish = {
            "name": f"hourly {secrets.token_hex(4)}",
            "tenant": person.tenant,
            "segment_type": "rule",
            "refresh": "hourly",
            "definition": {"logic": "AND", "conditions": [visited]},
        }
        segment = (await person.ask("POST", "/api/segments/", 201, wish))["id"]
        async with asyncio.timeout(60):
            while (await memberships(client, key, "user-123"))["segment_ids"] != [segment]:
                await asyncio.sleep(0.1)
        (run,) = (await person.ask("GET", f"/api/segments/{segment}/runs/", 200))["results"]
        assert (run["requested_by"], run["size"]) == ("schedule", 1)
