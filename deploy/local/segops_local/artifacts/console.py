"""The console as files: kept by a digest of its sources, so that an unchanged console is never built again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segops_local.artifacts.builder import CACHE, INSTALL_OPTIONS, ROOT, Builder, digest_of
from segops_local.artifacts.node import Node

_SOURCES: Final = "console"
_POLICY: Final = Path("console/csp.txt")
_NOT_SOURCES: Final = frozenset({"node_modules", "dist", "generated", "tools", "README.md"})
_TESTS: Final = (".test.ts", ".test.tsx")


@dataclass(frozen=True, slots=True)
class BuiltConsole:
    """The folder to serve, and the Content-Security-Policy that it was written for."""

    folder: Path
    policy: str


def built_console(root: Path = ROOT, cache: Path = CACHE) -> BuiltConsole | None:
    """Return the console that was built from the present sources; None when there is none."""
    folder = _folder(root, cache)
    if folder is None or not folder.is_dir():
        return None
    return BuiltConsole(folder, (root / _POLICY).read_text().strip())


async def build_console(builder: Builder) -> None:
    """Build the console unless its sources are unchanged. Raises BuildError."""
    folder = await asyncio.to_thread(_folder, builder.root, builder.cache)
    if folder is None or folder.is_dir():
        return
    node = await builder.node()
    work = await asyncio.to_thread(_copy_sources, builder)
    await _install(builder, node, work)
    builder.say("Building the console: compiling")
    await builder.run((*node.npm, "run", "build"), cwd=work, env=node.env)
    await asyncio.to_thread(_keep, work / "dist", folder)


async def _install(builder: Builder, node: Node, work: Path) -> None:
    """Install the packages of the lock file unless that was done to the end."""
    lock = digest_of(work, [work / "package.json", work / "package-lock.json"])
    stamp = work / "node_modules" / ".segops-lock"
    if stamp.exists() and stamp.read_text() == lock:
        return
    builder.say("Building the console: installing its packages")
    await builder.run((*node.npm, "ci", *INSTALL_OPTIONS), cwd=work, env=node.env)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(lock)


def _folder(root: Path, cache: Path) -> Path | None:
    """Return where the console of the present sources belongs; None in a checkout without a console."""
    if not (root / _SOURCES / "package-lock.json").exists():
        return None
    return cache / "console" / digest_of(root, _sources(root / _SOURCES))


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_SOURCES or path.name.endswith(_TESTS):
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def _copy_sources(builder: Builder) -> Path:
    """Copy the sources into the cache: their folder stays as it is. Installed packages of an earlier build are kept."""
    sources, work = builder.root / _SOURCES, builder.cache / "console" / "work"
    for path in work.iterdir() if work.is_dir() else ():
        if path.name != "node_modules":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file in _sources(sources):
        target = work / file.relative_to(sources)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return work


def _keep(dist: Path, folder: Path) -> None:
    """Give a complete build its name, and remove builds of earlier sources."""
    for earlier in folder.parent.iterdir():
        if earlier.name not in ("work", folder.name):
            shutil.rmtree(earlier)
    dist.rename(folder)
