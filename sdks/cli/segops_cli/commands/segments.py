"""`segops segments plan | apply | export`: segments as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segops_cli.api.client import Api
from segops_cli.bootstrap import connected
from segops_cli.code.apply import carry_out
from segops_cli.code.files import Declared, file_names, read_folder, written
from segops_cli.code.plan import Plan, Planner
from segops_cli.code.references import with_names
from segops_cli.code.remote import DECLARABLE, Remote, Stored
from segops_cli.commands.options import AsJson
from segops_cli.commands.plan_text import plan_json, plan_lines
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.output import say, say_json

Folder = Annotated[Path, typer.Argument(help="Folder with one file per segment, *.segment.")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete rule segments that are in no file.")]

segments = typer.Typer(help="Keep segments as files: plan, apply, export.", no_args_is_help=True)


@segments.command()
def plan(
    folder: Folder,
    prune: Prune = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if something would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what `apply` would create, change and delete, and who would enter and leave. Nothing is stored."""
    with connected() as api:
        planned = _planned(api, folder, prune)
    if as_json:
        say_json(plan_json(planned))
    else:
        _show(planned)
    if check and planned.changes:
        raise typer.Exit(ExitCode.FAILED)


@segments.command()
def apply(
    folder: Folder,
    prune: Prune = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the tenant as the files say. Shows the plan and asks first. A second time, nothing changes."""
    if as_json and not yes:
        raise usage("--json needs --yes", "Read the plan first: `segops segments plan FOLDER --json`.")
    with connected() as api:
        planned = _planned(api, folder, prune)
        if not as_json:
            _show(planned)
        if planned.changes and not yes and not typer.confirm("Apply this plan?"):
            raise CliError("Nothing was changed.", ExitCode.DECLINED)
        results = []
        for step, segment_id in carry_out(api, planned):
            results.append({"action": step.action, "name": step.name, "segment_id": segment_id})
            if not as_json:
                say(f"{step.action}d {step.name!r} ({segment_id})")
    if as_json:
        say_json({"done": results, **plan_json(planned)})
    elif any(step.changes_definition for step in planned.changes):
        say("Members change with the next run: compute a segment with `segops compute NAME --follow`.")


@segments.command()
def export(folder: Folder, as_json: AsJson = False) -> None:
    """Write every rule segment to a file. Files of the same segments are replaced, others left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = {file.declared.name: file.path for file in read_folder(folder)}
    with connected() as api:
        remote = Remote(api)
        stored = remote.segments()
        names = {segment.segment_id: segment.name for segment in stored}
        declarable = {segment.segment_id: segment for segment in stored if segment.segment_type in DECLARABLE}
        files = {
            folder / file_name: written(_declared(declarable[segment_id], remote, names))
            for segment_id, file_name in file_names({key: names[key] for key in declarable}, taken)
        }
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    skipped = [segment.name for segment in stored if segment.segment_id not in declarable]
    if as_json:
        say_json({"files": [str(path) for path in files], "skipped": skipped})
        return
    say(f"Wrote {len(files)} {'file' if len(files) == 1 else 'files'} to {folder}.")
    if skipped:
        say(f"Not written, because their members are uploaded lists: {', '.join(repr(name) for name in skipped)}.")


def _planned(api: Api, folder: Path, prune: bool) -> Plan:
    files = read_folder(folder)
    if not files:
        raise usage(f"{folder} has no file *.segment", "Write your segments into it with `segops segments export`.")
    return Planner(Remote(api), files, prune=prune).plan()


def _show(planned: Plan) -> None:
    for line in plan_lines(planned):
        say(line)


def _declared(segment: Stored, remote: Remote, names: dict[int, str]) -> Declared:
    return Declared(
        name=segment.name,
        text=with_names(remote.text_of(segment.definition), names),
        description=segment.description,
        tags=segment.tags,
        refresh=segment.refresh,
        segment_type=segment.segment_type,
    )
