"""A page's events pass the gateway from another origin, and reach a segment."""

from __future__ import annotations

import json

import httpx

from segops_local.stack import Stack
from tests.conformance.running import said_by
from tests.e2e.people import sign_up
from tests.runtimes import Runtimes

SENT = 30


async def test_events_of_a_page_reach_a_segment(stack: Stack, runtimes: Runtimes) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        person = await sign_up(http)
        key = await person.new_key(kind="publishable", allowed_origins=["*"])
        options = json.dumps({"apiKey": key["key"]})
        command = [*runtimes.script("page.mjs"), str(runtimes.as_script), options, str(SENT), stack.url]
        assert json.loads(await said_by(command)) == [{"sent": SENT, "dropped": 0, "errors": []}]
        condition = {"type": "event_count", "event_type": "tested", "operator": "gte", "value": 3}
        segment = await person.new_segment("Of the page", {"logic": "AND", "conditions": [condition]})
        assert (await person.compute(segment))["size"] == 10
