"""The application: all commands by their names."""

from __future__ import annotations

import typer

from segops_cli.commands.backup import backup, restore, suppressions
from segops_cli.commands.compute import compute
from segops_cli.commands.doctor import doctor
from segops_cli.commands.events import tail, track
from segops_cli.commands.explain import explain
from segops_cli.commands.identity import ids, merge, unmerge
from segops_cli.commands.load import load
from segops_cli.commands.login import login
from segops_cli.commands.privacy import erase, export
from segops_cli.commands.segments import segments

application = typer.Typer(
    name="segops",
    help="SegOps from a terminal. Sign in with `segops login` first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(login, track, tail, compute, explain, ids, merge, unmerge, export, erase, doctor, load),
    *(backup, restore, suppressions),
):
    application.command()(command)
application.add_typer(segments, name="segments")
