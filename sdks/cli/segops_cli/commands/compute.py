"""`segops compute`: request a run of a segment, and follow it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from segops_cli.api.client import Api
from segops_cli.api.sse import lines_of, server_events
from segops_cli.bootstrap import connected
from segops_cli.code.remote import Remote
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode
from segops_cli.output import plural, say, say_json

_FINAL: Final = frozenset({"succeeded", "failed", "superseded"})


def compute(
    segment: Annotated[str, typer.Argument(help="Id or exact name of the segment.")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for the end of the run, and exit with 1 if it failed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute who is in a segment. With --follow, --json prints each state of the run as a line."""
    with connected() as api:
        segment_id = Remote(api).find(segment)
        run_id = api.post(f"/api/segments/{segment_id}/compute/", {})["run_id"]
        if not follow:
            _queued(segment_id, run_id, as_json)
            return
        last: dict[str, Any] = {}
        for run in _states(api, segment_id, run_id):
            last = run
            say_json(run) if as_json else say(_line(run))
    if last["status"] == "failed":
        problem = last.get("problem") or {}
        raise CliError(
            f"The run failed: {problem.get('detail', 'no reason is known')}", ExitCode.FAILED, problem=problem
        )


def _queued(segment_id: int, run_id: str, as_json: bool) -> None:
    if as_json:
        say_json({"segment_id": segment_id, "run_id": run_id, "status": "queued"})
    else:
        say(f"Run {run_id} of segment {segment_id} is queued.")


def _states(api: Api, segment_id: int, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield the states of a run to its end. A stream that ends early is opened again."""
    path = f"/api/segments/{segment_id}/runs/{run_id}/events/"
    last_id = ""
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with api.stream(path, params={}, headers=headers) as response:
            for event in server_events(lines_of(response.iter_bytes())):
                last_id = event.id
                run = json.loads(event.data)
                yield run
                if run["status"] in _FINAL:
                    return


def _line(run: dict[str, Any]) -> str:
    head = f"run {run['run_id']}: {run['status']}"
    if run["status"] == "succeeded":
        late = " Some acknowledged events were not counted: compute it again." if run["incomplete"] else ""
        changes = f"{run['entered'] or 0:,} entered, {run['exited'] or 0:,} left"
        return f"{head}, {plural(run['size'], 'member')}, {changes}, {run['duration_ms']:,} ms.{late}"
    if run.get("progress"):
        progress = run["progress"]
        return f"{head}, {progress['phase']} {progress['done']:,} of {progress['total']:,}"
    return head
