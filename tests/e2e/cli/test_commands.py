"""`segops track`, `tail`, `compute`, `explain`, `doctor` and `load` on a running stack."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path

import httpx

from tests.e2e.cli.terminal import Terminal
from tests.e2e.people import Person, send
from tests.shared.client import RunningStack

PAYLOAD = '{"a": 1}'
VIEWED = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "seen", "operator": "gte", "value": 2}]}


async def test_an_event_counts_once_and_explains_itself(server: Terminal, person: Person) -> None:
    user = "user/\u00fc 1"
    for message_id in ("m-1", "m-1", "m-2"):
        sent = await server.succeeds("track", user, "seen", "--message-id", message_id, "--payload", PAYLOAD, "--json")
        assert sent.json["message_ids"] == [message_id]
    again = await server.succeeds("track", user, "seen", "--message-id", "m-2", "--payload", PAYLOAD)
    assert "counts once" in again.out
    segment = await person.new_segment("Seen twice", VIEWED)

    runs = (await server.succeeds("compute", "Seen twice", "--follow", "--json")).lines
    assert (runs[-1]["status"], runs[-1]["size"], runs[-1]["segment_id"]) == ("succeeded", 1, segment)
    explained = (await server.succeeds("explain", user, "Seen twice", "--json")).json
    assert (explained["member"], explained["tree"]["children"][0]["value"]) == (True, 2)
    text = (await server.succeeds("explain", user, str(segment))).out
    assert f"{user} is in segment {segment}" in text
    assert "(m-1)" in text
    stranger = (await server.succeeds("explain", "stranger", str(segment))).out
    assert "stranger is not in segment" in stranger
    assert "No event of this user is known." in stranger
    queued = (await server.succeeds("compute", str(segment), "--json")).json
    assert queued["status"] == "queued"


async def test_users_are_merged_and_separated(owner: Terminal) -> None:
    merged = (await owner.succeeds("merge", "old/1", "new")).out
    assert "old/1 is merged into new since " in merged
    again = (await owner.succeeds("merge", "old/1", "new", "--json")).json
    assert (await owner.succeeds("ids", "old/1", "--json")).json == {
        "user_id": "new",
        "joined": [{"id": "old/1", "reason": "merge", "claim": None, "merge": again}],
    }
    assert "  old/1: merged into new at " in (await owner.succeeds("ids", "new")).out
    assert "old/1 is a user of its own since " in (await owner.succeeds("unmerge", "old/1")).out
    assert (await owner.succeeds("ids", "old/1")).out.strip() == "old/1"
    refused = await owner.run("unmerge", "never")
    assert (refused.code, "409" in refused.err) == (4, True)


async def test_a_person_is_exported_and_erased(
    owner: Terminal, client: httpx.AsyncClient, key: str, tmp_path: Path
) -> None:
    user = f"gone/{secrets.token_hex(4)}"
    await send(client, key, "track", {"user_id": user, "event_type": "page_viewed"})
    file, ids = tmp_path / "person.ndjson", tmp_path / "ids.txt"
    async with asyncio.timeout(60):
        # The event is stored a moment after it was accepted.
        while (await owner.succeeds("export", user, "--to", file, "--json")).json["lines"] < 4:
            file.unlink()
            await asyncio.sleep(0.2)
    assert [json.loads(line)["type"] for line in file.read_text().splitlines()] == ["export", "profile", "event", "end"]
    assert (await owner.run("export", user, "--to", file)).code == 2
    ids.write_text(f"{user}\n\n{user}\n")
    declined = await owner.run("erase", "--file", ids, stdin="n\n")
    assert (declined.code, "Nothing was changed" in declined.err) == (6, True)
    shown = (await owner.succeeds("erase", "--file", ids, "--yes")).out
    assert "is complete: 1 id." in shown
    assert "  events: 1 -> 0" in shown
    (erasure,) = (await owner.succeeds("erase", user, "--yes", "--json")).json
    assert set(erasure["receipt"]["before"].values()) == {0}
    assert (await owner.run("erase", "--yes")).code == 2


async def test_a_run_that_does_not_exist(server: Terminal) -> None:
    for command in (("compute", "Missing"), ("explain", "user-1", "Missing")):
        outcome = await server.run(*command)
        assert outcome.code == 2
        assert "no segment has the name 'Missing'" in outcome.err
    outcome = await server.run("compute", "999999999")
    assert outcome.code == 4
    assert "404" in outcome.err
    assert "request id: " in outcome.err


async def test_a_refused_event_says_where(server: Terminal) -> None:
    outcome = await server.run("track", "user-1", "$reserved")
    assert outcome.code == 4
    assert "event_type: " in outcome.err
    as_json = await server.run("track", "user-1", "$reserved", "--json")
    problem = json.loads(as_json.err)["error"]["problem"]
    assert problem["errors"][0]["path"] == "event_type"
    for payload in ("[1]", "{"):
        assert (await server.run("track", "user-1", "seen", "--payload", payload)).code == 2


async def test_events_arrive_while_somebody_watches(server: Terminal, person: Person, key: str) -> None:
    """What a payload contains cannot move the cursor of the terminal, and no separator of Unicode breaks a line."""
    payload = {"text": "\x1b[2J\u2028\u0085end"}
    watching = asyncio.create_task(
        server.run("tail", "--event-type", "watched", "--count", "2", "--for", "60", "--json")
    )
    sent = 0
    while not watching.done():
        body = {"user_id": "user-1", "event_type": "watched", "payload": payload}
        headers = {"Authorization": f"ApiKey {key}"}
        answer = await person.client.post("/api/ingestion/track/", json=body, headers=headers)
        assert answer.status_code == 202
        sent += 1
        await asyncio.sleep(0.3)
    outcome = await watching
    assert sent >= 2
    assert [event["payload"] for event in outcome.lines] == [payload, payload]
    assert "\x1b" not in outcome.out
    assert "\u0085" not in outcome.out


async def test_a_person_who_watches(owner: Terminal) -> None:
    assert (await owner.succeeds("tail", "--for", "1")).out == ""
    outcome = await owner.run("track", "user-1", "seen")
    assert outcome.code == 3
    assert "segops login --url URL --key" in outcome.err


async def test_the_doctor_of_an_owner(owner: Terminal, person: Person) -> None:
    """A busy process may miss the time limit of one look, so the doctor is asked until it finds no fault and sees all schemas."""
    outcome = await owner.run("doctor", "--json")
    for _ in range(60):
        if outcome.json["faults"] == 0 and "schemas" in {finding["check"] for finding in outcome.json["findings"]}:
            break
        await asyncio.sleep(0.5)
        outcome = await owner.run("doctor", "--json")
    assert outcome.code == 0, outcome
    levels = {finding["check"]: finding["level"] for finding in outcome.json["findings"]}
    assert {levels[check] for check in ("clock", "storage", "processes", "schemas", "login")} == {"ok"}
    assert {f"route of {service}" for service in ("auth", "ingest", "segments", "membership")} <= levels.keys()
    assert {levels[check] for check in levels if check.startswith("route of")} == {"ok"}
    assert f"{person.email} is owner of" in (await owner.run("doctor")).out


async def test_the_doctor_of_a_key_that_was_revoked(
    terminal: Terminal, valkey_stack: RunningStack, person: Person
) -> None:
    created = await person.new_key()
    await terminal.succeeds("login", "--url", valkey_stack.url, "--key", stdin=created["key"])
    findings = (await terminal.succeeds("doctor", "--json")).json["findings"]
    held = next(finding["detail"] for finding in findings if finding["check"] == "key")
    assert held == (
        "the key has events:write, events:read, segments:read, segments:write, membership:read, profiles:read"
    )
    await person.ask("DELETE", f"/api/auth/api-keys/{created['id']}/", 204)
    outcome = await terminal.run("doctor")
    assert outcome.code == 1
    assert "FAULT   key" in outcome.out
    assert "what to do: Sign in with a valid key" in outcome.out


async def test_load_needs_a_key(owner: Terminal) -> None:
    outcome = await owner.run("load", "--count", "10")
    assert outcome.code == 3
    assert "segops login --key" in outcome.err


async def test_generated_events_are_all_accepted(server: Terminal) -> None:
    figures = (await server.succeeds("load", "--count", "120", "--rate", "400", "--users", "5", "--json")).json
    assert (figures["sent"], figures["accepted"], figures["refused"], figures["failed"]) == (120, 120, 0, 0)
    assert "events accepted in" in (await server.succeeds("load", "--count", "5")).out
    short = (await server.succeeds("load", "--count", "1000", "--rate", "10", "--duration", "0.5", "--json")).json
    assert 0 < short["sent"] < 20
    refused = await server.run("load", "--count", "2", "--event-type", "$reserved")
    assert refused.code == 1
    assert "2 events were refused" in refused.out


async def test_load_goes_to_this_machine_only(terminal: Terminal, key: str) -> None:
    elsewhere = Terminal(terminal.folder, {"SEGOPS_URL": "https://segops.example.com", "SEGOPS_API_KEY": key})
    outcome = await elsewhere.run("load", "--count", "1")
    assert outcome.code == 2
    assert "--allow-remote" in outcome.err
