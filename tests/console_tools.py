"""The console as developers have it: its packages and its tools installed from their lock files, once for all test processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.node import ROOT, Node, alone, find_node

FOLDER: Final = ROOT / "console"
TOOLS: Final = FOLDER / "tools"


@dataclass(frozen=True, slots=True)
class Console:
    """The console's folder with everything installed, and the Node that runs its tools."""

    runtime: Node
    folder: Path = FOLDER

    def tool(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Return what one of the tools prints; fails with all of it when the tool does."""
        environment = {**self.runtime.env, **(env or {})}
        environment["PATH"] = f"{TOOLS / 'node_modules' / '.bin'}:{environment['PATH']}"
        return self.runtime.run(*command, cwd=TOOLS, env=environment)


def prepared() -> Console:
    """Return the console with its packages and tools, each installed when its lock file has changed."""
    console = Console(find_node())
    with alone():
        console.runtime.install(FOLDER)
        console.runtime.install(TOOLS)
    return console
