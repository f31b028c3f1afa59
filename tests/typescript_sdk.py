"""The TypeScript SDK as its users have it: installed from its lock file and built, once for all test processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.node import ROOT, Node, alone, digest, find_node, is_current

FOLDER: Final = ROOT / "sdks" / "typescript"
_BUILT: Final = FOLDER / "node_modules" / ".segops-built"


@dataclass(frozen=True, slots=True)
class TypescriptSdk:
    """The built package in its folder, and the Node that runs it."""

    runtime: Node
    folder: Path = FOLDER

    @property
    def node(self) -> str:
        return self.runtime.node

    @property
    def npm(self) -> tuple[str, ...]:
        return self.runtime.npm

    @property
    def env(self) -> Mapping[str, str]:
        """The environment in which `node` is this one, and so are the tools of the package."""
        environment = self.runtime.env
        return {**environment, "PATH": f"{FOLDER / 'node_modules' / '.bin'}:{environment['PATH']}"}

    def run(self, *command: str, cwd: Path = FOLDER) -> str:
        """Return what a command prints; fails with all of it when the command does."""
        return self.runtime.run(*command, cwd=cwd, env=self.env)


def prepared() -> TypescriptSdk:
    """Return the SDK, installed when its lock file has changed, and built when anything has."""
    sdk = TypescriptSdk(find_node())
    with alone():
        sdk.runtime.install(FOLDER)
        sources = digest([*FOLDER.glob("src/*"), *FOLDER.glob("*.json"), *FOLDER.glob("*.config.ts")])
        if not is_current(_BUILT, sources):
            sdk.run("tsdown")
            _BUILT.write_text(sources)
    return sdk
