"""Node for tests: the one that builds the product's artefacts, and packages installed once per lock file."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from segops_local.artifacts import node as product

ROOT: Final = Path(__file__).parents[1]


class Node(product.Node):
    """A Node that runs commands and installs packages."""

    __slots__ = ()

    def run(self, *command: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Return what a command prints; fails with all of it when the command does."""
        process = subprocess.run(command, cwd=cwd, env=env or self.env, capture_output=True, text=True, check=False)
        output = process.stdout + process.stderr
        assert process.returncode == 0, f"{' '.join(command)}\n{output}"
        return output

    def install(self, folder: Path, *options: str) -> bool:
        """Install a folder's packages unless its lock file has been installed; True when it did. Call it `alone`."""
        lock, stamp = digest([folder / "package-lock.json"]), folder / "node_modules" / ".segops-lock"
        if is_current(stamp, lock):
            return False
        self.run(*self.npm, "ci", "--no-audit", "--no-fund", "--prefer-offline", *options, cwd=folder)
        stamp.write_text(lock)
        return True


@functools.cache
def find_node() -> Node:
    """Return the system's Node with npm if it is new enough, else the one that comes with the Python environment."""
    node = product.find_node(ROOT / ".segops-cache" / "node")
    assert node is not None, "the environment for development has Node"
    return Node(node.node, node.npm)


@contextmanager
def alone() -> Iterator[None]:
    """Keep other test processes from installing or building meanwhile."""
    folder = ROOT / ".segops-cache"
    folder.mkdir(exist_ok=True)
    with (folder / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in sorted(files))).hexdigest()


def is_current(stamp: Path, content: str) -> bool:
    return stamp.exists() and stamp.read_text() == content
