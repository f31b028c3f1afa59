"""`segops export` and `segops erase`: everything about a person, and nothing any more."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer

from segops_cli.api.client import Api
from segops_cli.api.problems import unreachable
from segops_cli.bootstrap import connected
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.output import plural, say, say_json, warn

MAX_USERS: Final = 1_000
"""Users of one erasure."""
_LOOK_EVERY_S: Final = 2.0
_NDJSON: Final = "application/x-ndjson"


def export(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="A user id or an anonymous id.")],
    to: Annotated[Path, typer.Option("--to", help="A new file.")],
    as_json: AsJson = False,
) -> None:
    """Write everything about a person, under all their ids, to a file: an object a line."""
    if to.exists():
        raise usage(f"{to} exists", "Name a new file.")
    unfinished = to.with_name(f".{to.name}.unfinished")
    try:
        with connected() as api:
            lines = _written(api, user_id, unfinished)
        unfinished.rename(to)
    except OSError as error:
        raise usage(f"{to} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    if as_json:
        say_json({"file": str(to), "lines": lines})
        return
    say(f"{to} has {plural(lines, 'line')}.")


def erase(
    user_ids: Annotated[list[str] | None, typer.Argument(metavar="USER", help="Ids of users or visitors.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file with one id a line.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove everything about people from all stores, keep their later events out, and show the receipt.

    All ids that are joined to them are erased along. This cannot be undone.
    """
    if as_json and not yes:
        raise usage("--json needs --yes", "Nothing can be asked then.")
    users = [*dict.fromkeys([*(user_ids or ()), *(_lines_of(file) if file else ())])]
    if not users:
        raise usage("at least one user must be named", "Name ids, or a file with --file.")
    if not yes and not typer.confirm(f"Erase {plural(len(users), 'user')}? This cannot be undone."):
        raise CliError("Nothing was changed.", ExitCode.DECLINED)
    erasures = []
    with connected() as api:
        for start in range(0, len(users), MAX_USERS):
            body = {**api.tenant, "user_ids": users[start : start + MAX_USERS]}
            erasures.append(_completed(api, api.post("/api/explorer/erasures/", body)))
            if not as_json:
                _show(erasures[-1])
    if as_json:
        say_json(erasures)


def _written(api: Api, user_id: str, path: Path) -> int:
    """Write the export and return the number of lines. Raises CliError unless it has its last line."""
    address = f"/api/explorer/users/{quote(user_id, safe='')}/export/"
    count, last = 0, ""
    try:
        with api.stream(address, params=api.tenant, headers={"Accept": _NDJSON}) as response, path.open("x") as file:
            path.chmod(0o600)
            for line in response.iter_lines():
                file.write(f"{line}\n")
                count, last = count + 1, line
    except httpx.HTTPError as error:
        raise unreachable(api.login.url, error) from error
    if not last or json.loads(last).get("type") != "end":
        raise CliError("The export broke off.", ExitCode.UNAVAILABLE, advice="Repeat the command.")
    return count


def _completed(api: Api, erasure: Mapping[str, Any]) -> Mapping[str, Any]:
    phase = None
    while erasure["status"] != "complete":
        if erasure["phase"] != phase:
            phase = erasure["phase"]
            warn(f"Erasure {erasure['id']}: {phase or 'waiting for a worker'}")
        time.sleep(_LOOK_EVERY_S)
        erasure = api.get(f"/api/explorer/erasures/{erasure['id']}/", **api.tenant)
    return erasure


def _show(erasure: Mapping[str, Any]) -> None:
    say(f"Erasure {erasure['id']} is complete: {plural(len(erasure['subjects']), 'id')}.")
    receipt = erasure["receipt"]
    for store, before in receipt["before"].items():
        say(f"  {store}: {before:,} -> {receipt['after'][store]:,}")


def _lines_of(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{file} cannot be read: {error}") from None
