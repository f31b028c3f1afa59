"""What commands print: lines for people, or JSON for programs. Errors go to standard error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer

from segops_cli.errors import CliError

# Texts of others could otherwise move the cursor, change colors or retitle the terminal.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def say(line: str = "") -> None:
    """Print a line. Control characters are shown as escapes."""
    typer.echo(_CONTROL.sub(_escaped, line))


def say_json(value: Any) -> None:
    """Print a value as JSON on one line."""
    typer.echo(_CONTROL.sub(_escaped, json.dumps(value, ensure_ascii=False)))


def warn(line: str) -> None:
    """Print a line to standard error."""
    typer.echo(_CONTROL.sub(_escaped, line), err=True)


def show_error(error: CliError, *, as_json: bool) -> None:
    """Print why the command ended, and what to do."""
    if as_json:
        parts = {"message": error.message, "advice": error.advice, "problem": error.problem}
        typer.echo(json.dumps({"error": parts}), err=True)
        return
    for line in _lines(error):
        warn(line)


def _lines(error: CliError) -> Iterator[str]:
    yield f"error: {error.message}"
    problem: Mapping[str, Any] = error.problem or {}
    for fault in problem.get("errors") or ():
        yield f"  {fault.get('path') or 'request'}: {fault.get('detail')}"
    if problem.get("instance"):
        yield f"  request id: {problem['instance']}"
    if error.advice:
        yield f"what to do: {error.advice}"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def plural(count: int, noun: str) -> str:
    """Return `1 user`, `2 users`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
