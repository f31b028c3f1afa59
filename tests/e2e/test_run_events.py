"""The event stream of a run, through the gateway."""

from __future__ import annotations

import json

from tests.e2e.people import patient_client, sign_up
from tests.shared.client import RunningStack


async def test_events_of_a_run_pass_the_gateway_as_they_happen(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "follower")
        segment = await person.new_segment("followed")
        queued = await person.ask("POST", f"/api/segments/{segment}/compute/", 202)
        path = f"/api/segments/{segment}/runs/{queued['run_id']}/events/"
        async with client.stream("GET", path, headers=person.bearer) as answer:
            assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
            lines = [line async for line in answer.aiter_lines()]
        runs = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        run = await person.run_succeeds(segment, queued["run_id"])
        detail = await person.ask("GET", f"/api/segments/{segment}/", 200)
    assert runs[-1] == run
    assert (run["digest"], run["progress"]) == ("0" * 32, None)
    assert detail["membership"] == {
        "run_id": run["run_id"],
        "as_of": run["as_of"],
        "version": run["version"],
        "size": 0,
        "computed_at": run["finished_at"],
        "stale": False,
        "stale_reason": None,
        "behind": None,
        "problem": None,
    }
