"""Why a command ends before its time, and with which exit code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The exit codes of all commands, as docs/cli.md lists them."""

    DONE = 0
    FAILED = 1
    """The command worked, and what it reports is bad: a run failed, a check found a fault, a call was refused."""
    USAGE = 2
    """An argument, a file or the stored login must be changed."""
    ACCESS = 3
    """Not signed in, or not permitted."""
    REFUSED = 4
    """The server refused the request for another reason."""
    UNAVAILABLE = 5
    """The server cannot be reached, or is not ready."""
    DECLINED = 6
    """A question was answered with no."""


class CliError(Exception):
    """Ends the command with a message, what to do, and an exit code."""

    def __init__(
        self, message: str, code: ExitCode, *, advice: str | None = None, problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.advice = advice
        self.problem = problem


def usage(message: str, advice: str | None = None) -> CliError:
    """Return an error about what the caller wrote."""
    return CliError(message, ExitCode.USAGE, advice=advice)
