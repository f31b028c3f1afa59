"""`python -m segops_<service> <role>`: the command line that every service has."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import uvloop

from segops_common.telemetry.logging import configure_logging

B = TypeVar("B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[B]):
    """A service's processes, each over the collaborators that `bootstrap` makes of the environment.

    `roles` maps the name of a long-running role to what it does, in a few words, and the coroutine that does it.
    """

    name: str
    bootstrap: Callable[[], B]
    roles: Mapping[str, tuple[str, Callable[[B], Awaitable[None]]]]
    migrate: Callable[[B], Awaitable[None]]
    are_migrations_pending: Callable[[B], Awaitable[bool]]

    def main(self) -> int:
        """Run the role that the command line names; 1 when `migrate --check` finds work to do."""
        asked = self._parser().parse_args()
        configure_logging(service=self.name, role=asked.role)
        return uvloop.run(self._run(asked.role, check=asked.role == "migrate" and asked.check))

    async def _run(self, role: str, *, check: bool) -> int:
        collaborators = self.bootstrap()
        if check:
            return int(await self.are_migrations_pending(collaborators))
        if role == "migrate":
            await self.migrate(collaborators)
        else:
            await self.roles[role][1](collaborators)
        return 0

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"segops_{self.name}", description=f"SegOps {self.name}.")
        roles = parser.add_subparsers(dest="role", required=True)
        for name, (words, _) in self.roles.items():
            roles.add_parser(name, help=words)
        migrate = roles.add_parser("migrate", help="bring tables and topics up to date")
        migrate.add_argument("--check", action="store_true", help="only say whether migrations are pending")
        return parser
