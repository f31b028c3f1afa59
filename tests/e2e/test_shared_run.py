"""Many segments in one run, from one request to the lookups."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack

SEGMENTS: Final = 40
USERS: Final = 5


def at_least(count: int) -> dict[str, Any]:
    return {
        "logic": "AND",
        "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": count}],
    }


async def test_all_segments_are_computed_by_one_request(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        for user in range(1, USERS + 1):
            for _ in range(user):
                await send(client, key, "track", {"user_id": f"user-{user}", "event_type": "page_viewed"})
        ids = [await person.new_segment(f"{n} views", at_least(n % (USERS + 1))) for n in range(SEGMENTS)]

        accepted = await person.ask("POST", "/api/segments/compute/", 202, {"tenant": person.tenant})
        (shared,) = accepted["runs"]
        assert shared["segment_ids"] == sorted(ids)
        runs = [await person.run_succeeds(segment_id, shared["run_id"]) for segment_id in ids]
        expected = [USERS - max(n % (USERS + 1), 1) + 1 for n in range(SEGMENTS)]
        assert [run["size"] for run in runs] == expected
        # One evaluation served all segments, so all have the same duration and instant.
        assert len({(run["duration_ms"], run["as_of"]) for run in runs}) == 1
        async with asyncio.timeout(20):
            while set((await memberships(client, key, f"user-{USERS}"))["segment_ids"]) != set(ids):
                await asyncio.sleep(0.1)
