"""`segops doctor`: checks the login, the clock, the routes and the processes, and says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import typer

from segops_cli.bootstrap import connected
from segops_cli.clock import calendar
from segops_cli.commands.options import AsJson
from segops_cli.diagnosis import Finding, examine
from segops_cli.errors import ExitCode
from segops_cli.output import say, say_json

_SIGNS = {"ok": "ok     ", "note": "note   ", "fault": "FAULT  "}


def doctor(as_json: AsJson = False) -> None:
    """Check the installation as you can see it. Exits with 1 if something is at fault."""
    with connected() as api:
        findings = examine(api, calendar)
    faults = [finding for finding in findings if finding.level == "fault"]
    if as_json:
        say_json({"url": api.login.url, "findings": [asdict(finding) for finding in findings], "faults": len(faults)})
    else:
        _show(api.login.url, findings)
    if faults:
        raise typer.Exit(ExitCode.FAILED)


def _show(url: str, findings: Sequence[Finding]) -> None:
    say(url)
    for finding in findings:
        say(f"{_SIGNS[finding.level]} {finding.check}: {finding.detail}")
        if finding.advice:
            say(f"        what to do: {finding.advice}")
