"""Runs the curl commands of a document against a stack, as a reader would."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOSTS = ("https://api.segops.ai", "http://127.0.0.1:8080")


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a command; `body` is the parsed JSON."""

    status: int
    body: Any


def curl_commands(text: str) -> list[str]:
    """Return the curl commands of a text in order. A command ends at a line without a trailing `\\` or an open quote."""
    commands: list[str] = []
    current: list[str] = []
    for line in text.splitlines():
        if current or line.startswith("curl "):
            current.append(line)
            if not line.endswith("\\") and "\n".join(current).count("'") % 2 == 0:
                commands.append("\n".join(current))
                current = []
    return commands


def localise(command: str, *, url: str, replace: Mapping[str, str], slash: bool) -> str:
    """Return the command with the stack's URL, the reader's values, and paths with or without the trailing slash."""
    for host in HOSTS:
        command = command.replace(host, url)
    for old, new in replace.items():
        command = command.replace(old, new)
    return command if slash else re.sub(rf"({re.escape(url)}[^\s\"?]*)/(?=[\s\"?]|$)", r"\1", command)


async def run_curl(command: str, variables: Mapping[str, str]) -> Answer:
    """Run one command in a shell with the reader's variables. The response must be JSON."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command.replace("curl ", "curl --silent --show-error --max-time 20 --write-out '\\n%{http_code}' ", 1),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, f"{command}\n{err.decode()}"
    body, _, status = out.decode().rpartition("\n")
    return Answer(int(status), json.loads(body))
