"""Runs commands of `segops` in this process, with a login folder of their own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segops_cli.__main__ import run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The only document that the command printed."""
        assert self.code in (0, 1), self
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The documents that the command printed, one per line."""
        assert self.code in (0, 1), self
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A user at a terminal, whose login is stored in `folder`."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def login_file(self) -> Path:
        return self.folder / "segops" / "login.json"

    async def run(self, *arguments: str | Path, stdin: str = "") -> Outcome:
        """Run a command to its end, in a thread: a command may start an event loop."""
        return await asyncio.to_thread(self._run, [str(argument) for argument in arguments], stdin)

    async def succeeds(self, *arguments: str | Path, stdin: str = "") -> Outcome:
        """Run a command that must exit with 0."""
        outcome = await self.run(*arguments, stdin=stdin)
        assert outcome.code == 0, outcome
        return outcome

    def _run(self, arguments: list[str], stdin: str) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        environment = {"XDG_CONFIG_HOME": str(self.folder), **self.environment}
        with _environment(environment), _input(stdin), redirect_stdout(out), redirect_stderr(err):
            code = run(arguments)
        return Outcome(code, out.getvalue(), err.getvalue())


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in ("SEGOPS_URL", "SEGOPS_API_KEY"):
        os.environ.pop(name, None)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _input(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before
