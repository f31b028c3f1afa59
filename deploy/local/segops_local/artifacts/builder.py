"""Runs the commands of a build. An interrupted build leaves nothing that a later one would take for complete."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segops_local.artifacts.node import OLDEST, Node, fetch_command, find_node
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.process import Command, Process

ROOT: Final = Path(__file__).resolve().parents[4]
CACHE: Final = ROOT / ".segops-cache"
INSTALL_OPTIONS: Final = (
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--ignore-scripts",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=3000",
    "--fetch-timeout=30000",
)
"""For `npm ci`. Without a registry it gives up within seconds: npm alone would keep the start of the product waiting."""
_AFTER_OTHERS: Final = ("nice", "-n", "10")
_LESSER: Final = tuple(f"npm error {word}" for word in ("code", "syscall", "errno", "type", "path", "A complete"))
"""Lines of npm that name no fault."""
_POLL_S: Final = 0.1


class BuildError(Exception):
    """An artefact could not be built; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds into the folder `cache` from the checkout `root`. What the commands print goes to the file `log`."""

    say: Callable[[str], None]
    log: Path
    root: Path = ROOT
    cache: Path = CACHE
    reaper: OrphanReaper | None = None

    @property
    def fetched_node(self) -> Path:
        return self.cache / "node"

    async def node(self) -> Node:
        """Return a Node, fetched if the machine has none that is new enough. Raises BuildError."""
        node = await asyncio.to_thread(find_node, self.fetched_node)
        return node if node is not None else await self._fetch_node()

    async def _fetch_node(self) -> Node:
        self.say(f"Fetching Node.js: this machine has none of version {OLDEST[0]}.{OLDEST[1]} or newer")
        half = self.cache / "node.part"
        shutil.rmtree(half, ignore_errors=True)
        uv, requirements = Path(sys.executable).parent / "uv", self.root / "requirements" / "node.lock"
        await self.run(fetch_command(uv, requirements, half), cwd=self.root, env=os.environ)
        shutil.rmtree(self.fetched_node, ignore_errors=True)
        half.rename(self.fetched_node)
        node = await asyncio.to_thread(find_node, self.fetched_node)
        if node is None:
            raise BuildError("The package with Node.js has no program for this machine")
        return node

    async def run(self, command: tuple[str, ...], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Run a command to its end. Cancelled, it kills the command first. Raises BuildError with the reason."""
        start = self.log.stat().st_size if self.log.exists() else 0
        # The engines and services that start meanwhile come first.
        argv = (*_AFTER_OTHERS, *command)
        process = Process(Command(argv=argv, environment=env, log=self.log, folder=cwd, mark=str(cwd)))
        if self.reaper is not None:
            self.reaper.watch(process.family)
        try:
            await process.wait()
        finally:
            if process.running:
                process.kill()
            if self.reaper is not None:
                self.reaper.forget(process.family)
        if process.exit_code:
            raise BuildError(f"`{_short(command)}` failed: {_reason(self.log, start)}")

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wait until no other process builds into this cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "build.lock").open("w") as lock:
            while not _locked(lock.fileno()):  # noqa: ASYNC110 - a lock of another process has no event
                await asyncio.sleep(_POLL_S)
            yield


def digest_of(root: Path, files: Iterable[Path]) -> str:
    """Return a digest of the names and contents of files below `root`."""
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _short(command: tuple[str, ...]) -> str:
    """Return the command without the folders of its programs, and at most three words of it."""
    words = [word.rpartition("/")[2] for word in command if not word.endswith("/node")]
    return " ".join(words[:3])


def _reason(log: Path, start: int) -> str:
    """Return the line of npm that names the fault, or else the last line."""
    with log.open("rb") as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    faults = [line for line in lines if "rror" in line and line != "npm error" and not line.startswith(_LESSER)]
    return (faults or lines or ["it printed nothing"])[0 if faults else -1][:300]
