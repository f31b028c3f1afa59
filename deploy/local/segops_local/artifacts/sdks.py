"""The artefacts of the SDKs: the wheel, the npm package and the script for pages."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segops_local.artifacts.builder import CACHE, INSTALL_OPTIONS, Builder, digest_of

SDKS: Final = CACHE / "sdk"
"""Where the artefacts of this checkout are."""
_PYTHON: Final = Path("sdks/python")
_TYPESCRIPT: Final = Path("sdks/typescript")
_COPIED: Final = ("package.json", "package-lock.json", "tsconfig.json", "tsdown.config.ts", "README.md", "LICENSE")


@dataclass(frozen=True, slots=True)
class _Sdk:
    name: str
    sources: Iterable[Path]
    outputs: tuple[str, ...]
    make: Callable[[Builder, Path], Awaitable[None]]


async def build_python(builder: Builder) -> None:
    """Build the wheel unless its sources are unchanged. Raises BuildError."""
    folder = builder.root / _PYTHON
    code = folder.glob("segops_client/**/*.py")
    sources = [builder.root / "pyproject.toml", folder / "pyproject.toml", folder / "README.md", *code]
    await _build(builder, _Sdk("Python", sources, ("*.whl",), _make_wheel))


async def build_typescript(builder: Builder) -> None:
    """Build the npm package and the script for pages unless their sources are unchanged. Raises BuildError."""
    patterns = ("src/*", "*.json", "*.config.ts", "README.md")
    sources = [file for pattern in patterns for file in (builder.root / _TYPESCRIPT).glob(pattern)]
    await _build(builder, _Sdk("TypeScript", sources, ("*.tgz", "*.js"), _make_package))


async def _build(builder: Builder, sdk: _Sdk) -> None:
    folder = builder.cache / "sdk"
    folder.mkdir(parents=True, exist_ok=True)
    digest = await asyncio.to_thread(digest_of, builder.root, sdk.sources)
    stamp = folder / f"{sdk.name}.digest"
    if stamp.exists() and stamp.read_text() == digest:
        return
    builder.say(f"Building the {sdk.name} SDK")
    for pattern in sdk.outputs:
        for file in folder.glob(pattern):
            file.unlink()
    await sdk.make(builder, folder)
    stamp.write_text(digest)


async def _make_wheel(builder: Builder, folder: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    await builder.run(command, cwd=builder.root / _PYTHON, env=os.environ)


async def _make_package(builder: Builder, folder: Path) -> None:
    """Build in a copy: the folder of the sources stays as it is."""
    node = await builder.node()
    source, work = builder.root / _TYPESCRIPT, folder / "typescript"
    work.mkdir(exist_ok=True)
    for name in _COPIED:
        shutil.copyfile(source / name, work / name)
    shutil.rmtree(work / "src", ignore_errors=True)
    shutil.copytree(source / "src", work / "src")
    for arguments in (
        ("ci", *INSTALL_OPTIONS),
        ("run", "build"),
        ("pack", "--ignore-scripts", "--pack-destination", str(work)),
    ):
        await builder.run((*node.npm, *arguments), cwd=work, env=node.env)
    (packed,) = work.glob("segops-sdk-*.tgz")
    packed.rename(folder / "segops-sdk.tgz")
    shutil.copyfile(work / "dist" / "snippet.iife.js", folder / "segops.js")
