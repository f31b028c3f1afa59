"""A restored backup brings erased people back, and the installation erases them again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e.cli.terminal import Terminal
from tests.e2e.people import PASSWORD, Person, memberships, patient_client, send
from tests.ops.backups import event_count, events, filled, running, segment_ids, stored, the_same

PASSPHRASE: Final = "a passphrase for tests"
BEFORE, AFTER, VISITOR = "user-3", "user-4", "the-visitor-of-user-4"


async def erased(person: Person, user_id: str) -> None:
    erasure = await person.ask("DELETE", f"/api/explorer/users/{user_id}/", 202)
    await _complete(person, erasure["id"])


async def _complete(person: Person, erasure_id: str) -> Any:
    async with asyncio.timeout(120):
        while True:
            erasure = await person.ask("GET", f"/api/explorer/erasures/{erasure_id}/", 200)
            if erasure["status"] == "complete":
                return erasure
            await asyncio.sleep(0.3)


async def backed_up(folder: Path, file: Path, terminal: Terminal) -> tuple[Person, str]:
    """Erase one user before the backup and another one, with a visitor, after it; return who owns the stack, and a key."""
    async with running(folder) as source, patient_client(source.url) as client:
        person, key = await filled(client)
        await send(client, key, "track", {"anonymous_id": VISITOR, "event_type": "viewed"})
        await send(client, key, "track", {"user_id": AFTER, "anonymous_id": VISITOR, "event_type": "viewed"})
        await stored(source, person.tenant, len(events()) + 2)
        for segment in (await segment_ids(person)).values():
            await person.compute(segment)
        await terminal.succeeds("login", "--url", source.url, "--email", person.email, stdin=PASSWORD)
        await erased(person, BEFORE)
        await terminal.succeeds("backup", file, "--state", folder, stdin=PASSPHRASE)
        await erased(person, AFTER)
        saved = await terminal.succeeds("suppressions", file.with_name("erased.tar"), "--state", folder, "--json")
        assert saved.json["people"] == 3
        return person, key


async def test_who_was_erased_after_the_backup_is_erased_again(tmp_path: Path) -> None:
    file, terminal = tmp_path / "backup.tar", Terminal(tmp_path / "config")
    person, key = await backed_up(tmp_path / "a", file, terminal)
    kept = file.with_name("erased.tar")
    assert AFTER.encode() not in kept.read_bytes()
    await terminal.succeeds(
        "restore", file, "--state", tmp_path / "b", "--suppressions", kept, "--json", stdin=PASSPHRASE
    )
    async with running(tmp_path / "b") as target, the_same(person, target.url) as owner:
        (again, before) = await _erasures(owner)
        assert (again["requested_by"], len(again["subjects"])) == ("restore", 2)
        again = await _complete(owner, again["id"])
        assert again["receipt"]["before"]["events"] > 0
        assert set(again["receipt"]["after"].values()) == {0}
        assert before["requested_by"].startswith("user:")
        for user_id in (BEFORE, AFTER, VISITOR):
            assert (await memberships(owner.client, key, user_id))["segment_ids"] == []
            await _is_unknown(owner, user_id)
            refused = await _sent(owner.client, key, user_id)
            assert refused["errors"][0]["code"] == "user-erased"
        assert await event_count(target, person.tenant) == _events_of_others()


async def test_without_the_list_they_are_back(tmp_path: Path) -> None:
    """The control. A newer backup takes the place of the list."""
    file, terminal = tmp_path / "backup.tar", Terminal(tmp_path / "config")
    person, key = await backed_up(tmp_path / "a", file, terminal)
    restored = await terminal.succeeds("restore", file, "--state", tmp_path / "b", stdin=PASSPHRASE)
    assert "--suppressions" in restored.err
    async with running(tmp_path / "b") as target, the_same(person, target.url) as owner:
        assert (await memberships(owner.client, key, AFTER))["segment_ids"] != []
        assert len(await _erasures(owner)) == 1
        await erased(owner, AFTER)
        await terminal.succeeds("login", "--url", target.url, "--email", person.email, stdin=PASSWORD)
        newer = tmp_path / "newer.tar"
        await terminal.succeeds("backup", newer, "--state", tmp_path / "b", stdin=PASSPHRASE)
    await terminal.succeeds("restore", file, "--state", tmp_path / "c", "--suppressions", newer, stdin=PASSPHRASE)
    async with running(tmp_path / "c") as target, the_same(person, target.url) as owner:
        (again, _) = await _erasures(owner)
        await _complete(owner, again["id"])
        await _is_unknown(owner, AFTER)


async def _erasures(person: Person) -> list[dict[str, Any]]:
    """Return the erasures of the tenant; the worker queues repeated ones when it starts."""
    path = f"/api/explorer/erasures/?tenant={person.tenant}"
    erasures: list[dict[str, Any]] = []
    for _ in range(50):
        erasures = (await person.ask("GET", path, 200))["results"]
        if len(erasures) > 1:
            break
        await asyncio.sleep(0.2)
    return erasures


async def _is_unknown(person: Person, user_id: str) -> None:
    await person.ask("GET", f"/api/explorer/users/{user_id}/", 404)


async def _sent(client: httpx.AsyncClient, key: str, user_id: str) -> Any:
    event = {"user_id": user_id, "event_type": "viewed"}
    answer = await client.post("/api/ingestion/track/", json=event, headers={"Authorization": f"ApiKey {key}"})
    return answer.json()


def _events_of_others() -> int:
    """Return how many events of people who were not erased were sent."""
    gone = {BEFORE, AFTER}
    return sum(call["user_id"] not in gone for call in events())
