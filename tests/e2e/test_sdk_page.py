"""A page's events pass the gateway from another origin, and reach a segment."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.running import said_by
from tests.e2e.people import patient_client, sign_up
from tests.runtimes import Runtimes
from tests.shared.client import RunningStack

SENT = 30


async def test_events_of_a_page_reach_a_segment(valkey_stack: RunningStack, runtimes: Runtimes) -> None:
    async with patient_client(valkey_stack.url) as http:
        person = await sign_up(http)

        async def outcome(origin: str) -> dict[str, Any]:
            key = await person.new_key(kind="publishable", allowed_origins=[origin])
            options = json.dumps({"apiKey": key["key"]})
            command = [*runtimes.script("page.mjs"), str(runtimes.as_script), options, str(SENT), valkey_stack.url]
            outcomes: list[dict[str, Any]] = json.loads(await said_by(command))
            return outcomes[0]

        assert await outcome("*") == {"sent": SENT, "dropped": 0, "errors": []}
        # Events that a key of another origin cannot send are kept for the next page.
        assert await outcome("https://elsewhere.example") == {"sent": 0, "dropped": 0, "errors": []}
        condition = {"type": "event_count", "event_type": "tested", "operator": "gte", "value": 3}
        segment = await person.new_segment("Of the page", {"logic": "AND", "conditions": [condition]})
        assert (await person.compute(segment))["size"] == 10
