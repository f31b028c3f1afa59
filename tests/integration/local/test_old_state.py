"""A state folder that an older version wrote: the stack takes it over with all that was in it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from segops_local.supervisor.local_stack import LocalStack
from tests.e2e.people import Person

FOLDER: Final = Path(__file__).parent / "states" / "before-profile-history.tar.xz"
"""Written by `make run` of the version before profiles had a history table; `expected.json` holds its answers."""
VOLATILE: Final = frozenset({"as_of"})
REWORDED: Final = {
    "all of its 1 conditions": "its condition",
    "at least 1 matching events": "at least 1 matching event",
}


@dataclass(frozen=True, slots=True)
class Old:
    """The stack on the old folder: its owner, and what the old version answered."""

    owner: Person
    expected: dict[str, Any]

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"ApiKey {self.expected['key']}"}

    async def segments_of(self, user: str) -> list[int]:
        reply = await self.owner.client.get("/api/segments/membership/", params={"user_id": user}, headers=self.key)
        assert reply.status_code == 200, reply.text
        return sorted(reply.json()["segment_ids"])


@pytest.fixture(scope="module")
async def old(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Old]:
    place = tmp_path_factory.mktemp("old")
    with tarfile.open(FOLDER) as archive:
        archive.extractall(place, filter="data")
    expected = json.loads((place / "state" / "expected.json").read_text())
    stack = LocalStack(place / "state")
    await stack.start()
    try:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            account = {"email": expected["email"], "password": expected["password"]}
            token = (await client.post("/api/auth/token/", json=account)).json()["access"]
            yield Old(Person(client, expected["email"], expected["tenant"], token), expected)
    finally:
        await stack.stop()


async def test_memberships_are_those_of_before(old: Old) -> None:
    for user, segments in old.expected["membership"].items():
        assert await old.segments_of(user) == sorted(segments), user


async def test_explanations_are_those_of_before(old: Old) -> None:
    """The history table of a folder this old is filled while the stack runs; until then, the events decide."""
    for before in old.expected["explanations"]:
        question = {"tenant": old.owner.tenant, "user_id": before["user_id"], "segment_id": before["segment_id"]}
        now = await old.owner.ask("POST", "/api/segments/membership/explain/", 200, question)
        expected = json.loads(reworded(json.dumps(before)))
        assert {name: now[name] for name in before if name not in VOLATILE} == {
            name: value for name, value in expected.items() if name not in VOLATILE
        }


def reworded(text: str) -> str:
    """Return stored explanations as they are worded today."""
    for old, new in REWORDED.items():
        text = text.replace(old, new)
    return text


async def test_members_of_an_old_run_are_listed(old: Old) -> None:
    for name, segment in old.expected["segments"].items():
        page = await old.owner.ask("GET", f"/api/segments/{segment}/members/?limit=100", 200)
        members = {row["user_id"] for row in page["results"]}
        assert members == {u for u, ids in old.expected["membership"].items() if segment in ids}, name


async def test_a_new_run_finds_the_same_members(old: Old) -> None:
    for name, segment in old.expected["segments"].items():
        run = await old.owner.compute(segment)
        assert run["digest"] == old.expected["digests"][name], name


async def test_new_events_join_the_old_ones(old: Old) -> None:
    """The last test of the file: it changes who is a member."""
    event = {"user_id": "user-1", "event_type": "page_viewed", "payload": {"path": "/pricing"}}
    reply = await old.owner.client.post("/api/ingestion/track/", json=event, headers=old.key)
    assert reply.status_code == 202, reply.text
    segment = old.expected["segments"]["Pricing twice"]
    assert segment not in await old.segments_of("user-1")
    await old.owner.compute(segment)
    assert segment in await old.segments_of("user-1")
