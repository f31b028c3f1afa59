"""`segops segments`: a folder of files and a tenant become the same."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from segops_cli.api.client import Api
from segops_cli.api.login import SessionLogin
from segops_cli.clock import calendar
from segops_cli.code.apply import carry_out
from segops_cli.code.files import read_folder
from segops_cli.code.plan import Planner
from segops_cli.code.remote import Remote
from segops_cli.errors import CliError, ExitCode
from tests.e2e.cli.terminal import Terminal
from tests.e2e.people import PASSWORD, Person, patient_client, send, sign_up
from tests.shared.client import RunningStack

PRICING = """name: Pricing visitors
description: Users who looked at prices
tags: growth, sales

all of {
  count "viewed" gte 1 where "path" eq "/pricing"
}
"""
CURIOUS = """name: Curious
refresh: hourly

any of {
  segment "Pricing visitors"
  count "viewed" gte 3
}
"""


@pytest.fixture(scope="module")
async def client(valkey_stack: RunningStack) -> AsyncIterator[httpx.AsyncClient]:
    async with patient_client(valkey_stack.url) as client:
        yield client


@pytest.fixture
async def person(client: httpx.AsyncClient) -> Person:
    """Return the owner of a tenant with events: each test has its own segments."""
    person = await sign_up(client, "code")
    key = (await person.new_key())["key"]
    visits = {"ann": "/pricing", "ben": "/pricing", "cem": "/docs"}
    batch = [
        {"type": "track", "user_id": user, "event_type": "viewed", "payload": {"path": path}}
        for user, path in visits.items()
    ]
    await send(client, key, "batch", {"batch": batch})
    visitor = {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 1}
    preview = {"tenant": person.tenant, "definition": {"logic": "AND", "conditions": [visitor]}}
    while (await person.ask("POST", "/api/segments/preview/", 200, preview))["matched_users"] < len(batch):
        await asyncio.sleep(0.2)
    return person


@pytest.fixture
async def owner(terminal: Terminal, valkey_stack: RunningStack, person: Person) -> Terminal:
    await terminal.succeeds("login", "--url", valkey_stack.url, "--email", person.email, stdin=PASSWORD)
    return terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "pricing.segment").write_text(PRICING)
    (folder / "curious.segment").write_text(CURIOUS)
    return folder


def actions(plan: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["action"] for step in plan["steps"]}


async def versions(person: Person) -> dict[str, int]:
    """Return the version of each segment by its name: an hourly run changes everything else."""
    return {name: segment["version"] for name, segment in (await listed(person)).items()}


async def listed(person: Person) -> dict[str, dict[str, Any]]:
    answer = await person.ask("GET", "/api/segments/", 200)
    return {segment["name"]: segment for segment in answer["results"]}


async def test_from_nothing_to_the_same_and_back(owner: Terminal, person: Person, folder: Path) -> None:
    """Plan, apply, plan again, export: the second plan changes nothing, and the files read back as they were."""
    plan = (await owner.succeeds("segments", "plan", folder, "--json")).json
    assert actions(plan) == {"Pricing visitors": "create", "Curious": "create"}
    pricing, curious = plan["steps"]
    assert sorted(pricing["people"]["entering_sample"]) == ["ann", "ben"]
    assert curious["people"] is None
    assert "which this plan creates" in curious["note"]
    assert await listed(person) == {}

    applied = (await owner.succeeds("segments", "apply", folder, "--yes", "--json")).json
    segments = await listed(person)
    assert [(step["action"], step["segment_id"]) for step in applied["done"]] == [
        ("create", segments["Pricing visitors"]["id"]),
        ("create", segments["Curious"]["id"]),
    ]
    assert segments["Pricing visitors"]["tags"] == ["growth", "sales"]
    assert (segments["Curious"]["refresh"], segments["Curious"]["references"]) == (
        "hourly",
        [segments["Pricing visitors"]["id"]],
    )
    assert (await owner.succeeds("segments", "plan", folder, "--check", "--json")).json["changes"] == 0
    assert (await owner.succeeds("segments", "apply", folder)).out.startswith("0 to create, 0 to change")
    assert await versions(person) == {name: segment["version"] for name, segment in segments.items()}

    await owner.succeeds("segments", "export", folder)
    assert (folder / "curious.segment").read_text() == CURIOUS
    assert sorted(os.listdir(folder)) == ["curious.segment", "pricing.segment"]
    assert (await owner.succeeds("segments", "plan", folder, "--check", "--json")).json["changes"] == 0


async def test_a_change_shows_its_text_and_its_people(owner: Terminal, person: Person, folder: Path) -> None:
    await owner.succeeds("segments", "apply", folder, "--yes")
    await person.compute((await listed(person))["Pricing visitors"]["id"])
    (folder / "pricing.segment").write_text(PRICING.replace("/pricing", "/docs").replace("tags: growth, sales\n", ""))
    plan = await owner.run("segments", "plan", folder, "--check")
    assert plan.code == 1
    assert "~ change 'Pricing visitors'" in plan.out
    assert "tags: ['growth', 'sales'] -> []" in plan.out
    assert '-  count "viewed" gte 1 where "path" eq "/pricing"' in plan.out
    assert '+  count "viewed" gte 1 where "path" eq "/docs"' in plan.out
    assert "members: 2 -> 1" in plan.out
    assert "enter: 1 user (cem)" in plan.out
    assert "leave: 2 users (ann, ben)" in plan.out
    assert "0 to create, 1 to change, 0 to delete, 1 left alone." in plan.out

    before = await versions(person)
    declined = await owner.run("segments", "apply", folder, stdin="n\n")
    assert (declined.code, await versions(person)) == (6, before)
    await owner.succeeds("segments", "apply", folder, stdin="y\n")
    assert (await listed(person))["Pricing visitors"]["tags"] == []
    assert (await owner.succeeds("segments", "plan", folder, "--check", "--json")).json["changes"] == 0


async def test_others_are_deleted_only_with_prune(owner: Terminal, person: Person, folder: Path) -> None:
    await owner.succeeds("segments", "apply", folder, "--yes")
    (folder / "pricing.segment").unlink()
    (folder / "curious.segment").write_text('name: Alone\n\nall of {\n  segment "Curious"\n}\n')
    await owner.succeeds("segments", "apply", folder, "--yes")
    assert sorted(await listed(person)) == ["Alone", "Curious", "Pricing visitors"]
    (folder / "curious.segment").write_text('name: Alone\n\nall of {\n  count "viewed" gte 1\n}\n')
    static = {"name": "List", "tenant": person.tenant, "segment_type": "static"}
    await person.ask("POST", "/api/segments/", 201, static)
    plan = (await owner.succeeds("segments", "plan", folder, "--prune", "--json")).json
    assert [(step["action"], step["name"]) for step in plan["steps"]] == [
        ("change", "Alone"),
        ("delete", "Curious"),
        ("delete", "Pricing visitors"),
    ]
    assert plan["unmanaged"] == ["List"]
    await owner.succeeds("segments", "apply", folder, "--prune", "--yes")
    assert sorted(await listed(person)) == ["Alone", "List"]


async def test_an_empty_folder_deletes_nothing(owner: Terminal, person: Person, tmp_path: Path) -> None:
    await person.new_segment("Kept")
    (tmp_path / "empty").mkdir()
    outcome = await owner.run("segments", "apply", tmp_path / "empty", "--prune", "--yes")
    assert outcome.code == 2
    assert list(await listed(person)) == ["Kept"]


async def test_a_bad_file_is_named(owner: Terminal, folder: Path) -> None:
    """The error of a definition has the line of the file."""
    faults = {
        "all of {\n  count viewed gte 1\n}": "line 4, column 9",
        'all of { segment "Missing" }': "no segment has the name 'Missing'",
        'all of { segment "A" }': "in a circle: 'A' -> 'A'",
    }
    for text, reason in faults.items():
        (folder / "bad.segment").write_text(f"name: A\n\n{text}\n")
        outcome = await owner.run("segments", "plan", folder)
        assert outcome.code == 2
        assert reason in outcome.err


async def test_a_change_made_meanwhile_is_not_overwritten(
    owner: Terminal, person: Person, folder: Path, valkey_stack: RunningStack
) -> None:
    await owner.succeeds("segments", "apply", folder, "--yes")
    segment = (await listed(person))["Curious"]
    (folder / "curious.segment").write_text(CURIOUS.replace("gte 3", "gte 4"))

    login = SessionLogin(
        url=valkey_stack.url,
        email=person.email,
        tenant=person.tenant,
        access_token=person.token,
        refresh_token="",
        expires_at=calendar() + 600,
    )
    with Api(login, calendar) as api:
        plan = Planner(Remote(api), read_folder(folder), prune=False).plan()
        changed = {"definition": {"logic": "OR", "conditions": []}}
        await person.ask("PATCH", f"/api/segments/{segment['id']}/", 200, changed)
        with pytest.raises(CliError) as refused:
            list(carry_out(api, plan))
    assert refused.value.code is ExitCode.REFUSED
    assert refused.value.advice is not None
    assert "Run the command again" in refused.value.advice
    assert (await listed(person))["Curious"]["definition"]["conditions"] == []


async def test_awkward_names_survive(owner: Terminal, person: Person, tmp_path: Path) -> None:
    """Names of any characters become different files, and read back the same."""
    mark = secrets.token_hex(2)
    names = [f' "{mark}" ', f"a/b {mark}", f"a b {mark}", f"line\nfeed {mark}", "ü" * 255, "\u2028x", "-", "--prune"]
    for name in names:
        await person.new_segment(name, {"logic": "AND", "conditions": []})
    folder = tmp_path / "exported"
    written = (await owner.succeeds("segments", "export", folder, "--json")).json["files"]
    assert len({*written}) == len(names) == len(os.listdir(folder))
    plan = (await owner.succeeds("segments", "plan", folder, "--json")).json
    assert (plan["changes"], plan["unmanaged"], sorted(actions(plan))) == (0, [], sorted(names))
