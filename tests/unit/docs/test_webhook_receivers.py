"""The receivers of docs/activations.md: they are killed, get requests again, and end up with the members of the segment."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import pytest

from segops_local.state.ports import free_port
from segops_membership.domain.activations.activation import Settings
from segops_membership.domain.activations.messages import Message, headers_of
from tests.e2e.typescript import project
from tests.typescript_sdk import TypescriptSdk

PAGE: Final = Path(__file__).parents[3] / "docs" / "activations.md"
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS: Final[Sequence[tuple[str, list[str]]]] = (
    ("segment.entered", ["ann", "ben", "cid"]),
    ("segment.recomputed", []),
    ("segment.exited", ["ben"]),
    ("segment.entered", ["dan"]),
    ("segment.exited", ["ann"]),
    ("segment.entered", ["ann", "é"]),
)
MEMBERS: Final = {"ann", "cid", "dan", "é"}


def program(language: str) -> str:
    """Return the longest block of the page in a language."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return max(blocks, key=len)


@contextmanager
def running(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a receiver, and kill it."""
    process = subprocess.Popen([*command, str(port)], env={**environment, "SEGOPS_WEBHOOK_SECRET": SECRET})
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.1):
                break
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended with {process.wait(0.1)}")
        yield
    finally:
        process.kill()
        process.wait()


def rebuilt(command: Sequence[str], environment: Mapping[str, str], read: Callable[[], set[str]]) -> None:
    """Send every request twice, with a kill in between, and compare the members."""
    port = free_port()
    messages = [
        Message(f"msg_{number}", event, json.dumps({"event": event, "user_ids": users}).encode())
        for number, (event, users) in enumerate(EVENTS)
    ]
    for first in range(0, len(messages), 2):
        with running(command, port, environment):
            # The receiver has confirmed what is sent again first, but we were killed before we knew.
            for message in messages[max(first - 1, 0) : first + 2]:
                headers = headers_of(message, Settings(secret=SECRET), AT)
                answer = httpx.post(f"http://127.0.0.1:{port}/", content=message.body, headers=headers)
                assert answer.status_code == 204
            forged = httpx.post(f"http://127.0.0.1:{port}/", content=b"{}", headers={"webhook-id": "x"})
            assert forged.status_code == 401
    assert read() == MEMBERS


def test_the_receiver_in_python(tmp_path: Path) -> None:
    database, script = tmp_path / "members.db", tmp_path / "receiver.py"
    script.write_text(program("python"))

    def read() -> set[str]:
        with sqlite3.connect(database) as db:
            return {user for (user,) in db.execute("SELECT user_id FROM members")}

    rebuilt([sys.executable, str(script), str(database)], os.environ, read)


@pytest.mark.sdk
def test_the_receiver_in_typescript(typescript_sdk: TypescriptSdk, tmp_path: Path) -> None:
    file = tmp_path / "members.json"
    project(tmp_path)
    (tmp_path / "receiver.ts").write_text(program("typescript"))
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "receiver.ts")
    typescript_sdk.run("tsc", *options, cwd=tmp_path)
    command = [typescript_sdk.node, str(tmp_path / "receiver.js"), str(file)]
    rebuilt(command, typescript_sdk.env, lambda: set(json.loads(file.read_text())["members"]))
