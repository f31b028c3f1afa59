"""Changes of members through the gateway, read by the program of the documentation, which is killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from tests.e2e.people import Person, patient_client, sign_up
from tests.e2e.test_members import UPLOAD, digest
from tests.shared.client import RunningStack

PAGE: Final = Path(__file__).parents[2] / "docs" / "changes.md"
DELAYS_S: Final = (0.0, 0.1)


async def new_list(person: Person, segment: int, users: range) -> str:
    """Replace the list of a static segment, wait for its run, and return the digest that the run told."""
    lines = b"".join(b'"partner-%d"\n' % number for number in users)
    path = f"/api/segments/{segment}/members/"
    uploaded = await person.client.put(path, content=lines, headers=person.bearer | UPLOAD)
    assert uploaded.status_code == 202, uploaded.text
    run = await person.run_succeeds(segment, uploaded.json()["run_id"])
    return str(run["digest"])


def stored(database: Path) -> tuple[str | None, list[str]]:
    """Return the cursor and the members that the program stored."""
    if not database.exists():
        return None, []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if "place" not in tables:
            return None, []
        (cursor,) = db.execute("SELECT cursor FROM place").fetchone() or (None,)
        return cursor, [user for (user,) in db.execute("SELECT user_id FROM members")]


class Program:
    """The program of the documentation, which follows a segment into a database."""

    def __init__(self, folder: Path, segment: int, environment: dict[str, str]) -> None:
        self.database = folder / "members.db"
        script = folder / "follow_changes.py"
        script.write_text(PAGE.read_text().split("```python\n")[1].split("```")[0])
        self._command = [sys.executable, str(script), str(segment), str(self.database), "50"]
        self._environment = {**os.environ, **environment}

    async def killed_once(self, is_reached: Callable[[tuple[str | None, list[str]]], bool], delay_s: float = 0) -> None:
        """Run it until it has stored what is expected, and kill it after a delay."""
        process = await asyncio.create_subprocess_exec(*self._command, env=self._environment)
        try:
            async with asyncio.timeout(60):
                while not is_reached(stored(self.database)):
                    assert process.returncode is None, "the program ended by itself"
                    await asyncio.sleep(0.02)
            await asyncio.sleep(delay_s)
        finally:
            process.kill()
            await process.wait()


async def test_a_consumer_that_is_killed_rebuilds_the_members_of_the_run(
    valkey_stack: RunningStack, tmp_path: Path
) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client, "changes")
        body = {"name": "Partners", "tenant": person.tenant, "segment_type": "static"}
        segment = (await person.ask("POST", "/api/segments/", 201, body))["id"]
        await new_list(person, segment, range(400))
        expected = await new_list(person, segment, range(200, 600))

        key = (await person.new_key())["key"]
        program = Program(tmp_path, segment, {"SEGOPS_URL": valkey_stack.url, "SEGOPS_API_KEY": key})
        for delay_s in DELAYS_S:
            before, _ = stored(program.database)
            await program.killed_once(lambda state, before=before: state[0] != before, delay_s)  # type: ignore[misc]
        await program.killed_once(lambda state: digest(state[1]) == expected)

        cursor, _ = stored(program.database)
        page = await person.ask("GET", f"/api/segments/changes/?cursor={cursor}&segment_id={segment}", 200)
        assert (page["results"], page["next"], page["next_cursor"]) == ([], None, cursor)
        changes = await person.ask("GET", "/api/segments/changes/?limit=1", 200)
        assert (changes["results"][0]["reason"], changes["count"]) == ("list", None)
        await _resumed(person, segment, str(cursor))


async def _resumed(person: Person, segment: int, cursor: str) -> None:
    """Follow the segment from the cursor, and receive one change that a new run makes."""
    path = f"/api/segments/changes/stream/?segment_id={segment}"
    async with person.client.stream("GET", path, headers=person.bearer | {"Last-Event-ID": cursor}) as answer:
        lines = answer.aiter_lines()
        assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert await anext(lines) == f"id: {cursor}"
        await new_list(person, segment, range(200, 601))
        (data,) = [line async for line in _until_data(lines)]
    change = json.loads(data.removeprefix("data: "))
    assert (change["user_id"], change["change"]) == ("partner-600", "entered")


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith("data: "):
            yield line
            return
