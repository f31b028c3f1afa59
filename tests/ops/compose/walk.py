"""Follows the page about compose: `unshare --net --mount python -m tests.ops.compose.walk FOLDER`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

from tests.e2e.cli.terminal import Terminal
from tests.e2e.cli.test_docs import blocks
from tests.e2e.people import PASSWORD, Person, memberships, patient_client, send, sign_up
from tests.ops.compose.project import Project
from tests.shared.client import ROOT

_PASSPHRASE: Final = "a passphrase for tests"
_VIEWED: Final = {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 1}
_HEALTHY: Final = {"processes", "schemas", "storage", "version", "clock", "login"}


def secrets(folder: Path) -> Path:
    """Run the block that makes them, for another folder."""
    subprocess.run(("make", "secrets", f"FOLDER={folder}"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


async def first_steps(url: str, folder: Path) -> tuple[Person, str, int]:
    """Sign up, send an event, compute a segment, and let the doctor look at the installation."""
    async with patient_client(url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "ada", "event_type": "viewed", "message_id": "one"})
        segment = await person.new_segment("Viewers", {"logic": "AND", "conditions": [_VIEWED]})
        assert (await person.compute(segment))["size"] == 1
        for path in ("/openapi.json", "/api/docs/"):
            assert (await client.get(path)).status_code == 200, path
        terminal = Terminal(folder / "config")
        await terminal.succeeds("login", "--url", url, "--email", person.email, stdin=PASSWORD)
        findings = (await terminal.succeeds("doctor", "--json")).json["findings"]
        levels = {finding["check"]: finding["level"] for finding in findings}
        assert {levels.get(check) for check in _HEALTHY} == {"ok"}, findings
        return person, key, segment


async def is_as_before(project: Project, key: str, segment: int, events: int) -> None:
    """Ask for the members, and that an event which is sent again counts once."""
    async with patient_client(project.url) as client:
        assert (await memberships(client, key, "ada"))["segment_ids"] == [segment]
        for message in ("one", f"later-{events}"):
            await send(client, key, "track", {"user_id": "ada", "event_type": "viewed", "message_id": message})
        count = 0
        for _ in range(300):
            if (count := await _stored(project)) >= events:
                break
            await asyncio.sleep(0.2)
        else:
            raise AssertionError(f"{count} of {events} events are stored")
        assert count == events


async def _stored(project: Project) -> int:
    """Return the number of different events in the warehouse."""
    url = httpx.URL(project.backup_addresses["SEGOPS_BACKUP_CLICKHOUSE_URL"])
    statement = "SELECT count() FROM segops.events FINAL"
    async with httpx.AsyncClient(auth=(url.username, url.password)) as client:
        answer = await client.post(f"http://{url.host}:{url.port}/", content=statement)
    assert answer.status_code == 200, answer.text
    return int(answer.text)


def run_page(number: int, folder: Path, project: Project) -> None:
    """Run a block of the section about backups, with the folders of this test."""
    _, _, section = (ROOT / "docs/deploy.md").read_text().partition("**Back up.**")
    script = f"set -euo pipefail\n{blocks(section)[number]}"
    script = script.replace("deploy/compose/secrets", str(project.secrets))
    environment = {
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "HOME": str(folder),
        "PASSPHRASE": _PASSPHRASE,
    }
    subprocess.run(("bash", "-c", script), cwd=folder, env=environment | project.backup_addresses, check=True)


def main(folder: Path) -> None:
    """Start the project, start it again on its data, back it up, and restore it into a new one."""
    for name in ("first", "second"):
        (folder / name).mkdir(mode=0o711)
    first = Project(folder / "first", secrets(folder / "first" / "secrets"))
    first.make_network()
    try:
        first.up()
        _, key, segment = asyncio.run(first_steps(first.url, folder))
        first.down()
        first.up()
        asyncio.run(is_as_before(first, key, segment, 2))
        run_page(0, folder, first)
    finally:
        first.down()
    second = Project(folder / "second", secrets(folder / "second" / "secrets"))
    try:
        second.up_to_migrations()
        run_page(1, folder, second)
        second.up_processes()
        asyncio.run(is_as_before(second, key, segment, 3))
    finally:
        second.down()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
