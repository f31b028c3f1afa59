"""`python -m segops_<service> <role>`: the command line of every service."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import uvloop
from pydantic import ValidationError

from segops_common.core.problems import Problem
from segops_common.runtime.bootstrap import ServiceBootstrap
from segops_common.runtime.migrations import MigrationRefused, any_pending, apply_all
from segops_common.telemetry.logging import configure_logging
from segops_common.telemetry.spans import close_tracer

_log = logging.getLogger(__name__)
B = TypeVar("B", bound=ServiceBootstrap[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[B]):
    """A task of an operator. `run` gets the options and returns the exit status."""

    summary: str
    run: Callable[[B, argparse.Namespace], Awaitable[int]]
    flags: Mapping[str, str] = field(default_factory=dict)
    """Options that are on or off, such as `--revoke`, with their help texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[B]):
    """The processes of a service. `bootstrap` reads the environment for a role, and makes its collaborators.

    `roles` maps the name of a long-running role to its help text and its coroutine.
    """

    name: str
    bootstrap: Callable[[str], B]
    roles: Mapping[str, tuple[str, Callable[[B], Awaitable[None]]]]
    commands: Mapping[str, Mapping[str, Command[B]]] = field(default_factory=dict)
    """Tasks of operators by group, such as `keys rotate`."""

    def main(self, command_line: Sequence[str] | None = None) -> int:
        """Run the role that the command line names.

        Return 1 when `migrate --check` finds pending migrations or `migrate` is refused, and 2 when a setting is wrong or missing.
        """
        arguments = self._parser().parse_args(command_line)
        try:
            collaborators = self.bootstrap(arguments.role)
        except ValueError as error:
            sys.stderr.write("".join(f"{line}\n" for line in _refusals(error)))
            return 2
        collaborators.metrics.identify(service=self.name, role=arguments.role)
        configure_logging(service=self.name, role=arguments.role, level=collaborators.log_level)
        if arguments.role == "migrate":
            return uvloop.run(_migrate(collaborators, check=arguments.check))
        if arguments.role in self.commands:
            command = self.commands[arguments.role][arguments.command]
            return uvloop.run(_command(command, collaborators, arguments))
        _, run = self.roles[arguments.role]
        collaborators.trace(service=self.name, role=arguments.role)
        try:
            return uvloop.run(_run(run, collaborators))
        finally:
            close_tracer()

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"segops_{self.name}", description=f"SegOps {self.name}.")
        roles = parser.add_subparsers(dest="role", required=True)
        for name, (summary, _) in self.roles.items():
            roles.add_parser(name, help=summary)
        for group, commands in self.commands.items():
            names = roles.add_parser(group, help=f"{' or '.join(commands)}").add_subparsers(
                dest="command", required=True
            )
            for name, command in commands.items():
                parser_of_command = names.add_parser(name, help=command.summary, description=command.summary)
                for flag, summary in command.flags.items():
                    parser_of_command.add_argument(flag, action="store_true", help=summary)
        migrate = roles.add_parser("migrate", help="bring tables and topics up to date")
        migrate.add_argument(
            "--check", action="store_true", help="list pending migrations and exit with 1 if there are any"
        )
        return parser


def _refusals(error: ValueError) -> Iterator[str]:
    """Yield a line for each wrong setting, without its value."""
    if not isinstance(error, ValidationError):
        yield str(error)
        return
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        name = "_".join(str(part) for part in fault["loc"]).upper()
        reason = fault["msg"].removeprefix("Value error, ")
        yield f"SEGOPS_{name}{' ' if reason.startswith('must ') else ': '}{reason}" if name else reason


async def _migrate(collaborators: ServiceBootstrap[Any], *, check: bool) -> int:
    """Return the exit status. A refusal is logged in one line, without a traceback."""
    try:
        if check:
            return int(await any_pending(collaborators.migrations))
        await apply_all(collaborators.migrations)
    except MigrationRefused as error:
        _log.error("%s", error)
        return 1
    return 0


async def _command(command: Command[B], collaborators: B, arguments: argparse.Namespace) -> int:
    """Return the exit status. A refusal is printed, without a traceback."""
    try:
        return await command.run(collaborators, arguments)
    except Problem as problem:
        sys.stderr.write(f"{problem.detail}\n")
        return 1


async def _run(role: Callable[[B], Awaitable[None]], collaborators: B) -> int:
    await role(collaborators)
    return 0
