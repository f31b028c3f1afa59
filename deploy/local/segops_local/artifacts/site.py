"""The documentation site as files: built after the product is ready, and kept by a digest of its sources."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from segops_local.artifacts.builder import CACHE, ROOT, Builder, digest_of
from segops_local.artifacts.node import fetch_command
from segops_local.site.llms import write_texts
from segops_local.site.prepare import page_texts, prepare
from segops_local.site.sources import CONFIGURATION, images, pages

_LOCK: Final = "requirements/site.lock"
_OWN: Final = "deploy/local/segops_local/site"
"""The code that makes pages, which is a source like any other."""


def built_site(root: Path = ROOT, cache: Path = CACHE) -> Path | None:
    """Return the folder of the site that was built from the present sources; None when there is none."""
    folder = _folder(root, cache)
    return folder if folder is not None and folder.is_dir() else None


async def build_site(builder: Builder) -> None:
    """Build the site unless its sources are unchanged. Raises BuildError."""
    folder = await asyncio.to_thread(_folder, builder.root, builder.cache)
    if folder is None or folder.is_dir():
        return
    tools = await _tools(builder)
    work = builder.cache / "site" / "work"
    await asyncio.to_thread(_prepare, builder.root, work)
    # Warnings are errors: a link without a target is one.
    command = (sys.executable, "-m", "zensical", "build", "--strict")
    await builder.run(command, cwd=work, env={**os.environ, "PYTHONPATH": str(tools), "NO_COLOR": "1"})
    await asyncio.to_thread(_keep, builder.root, work, folder)


async def _tools(builder: Builder) -> Path:
    """Return the folder with the generator, fetched with checked hashes unless that was done to the end."""
    lock = builder.root / _LOCK
    folder = builder.cache / "site" / f"tools-{digest_of(builder.root, [lock])}"
    if folder.is_dir():
        return folder
    half = builder.cache / "site" / "tools.part"
    for earlier in (half, *folder.parent.glob("tools-*")):
        await asyncio.to_thread(shutil.rmtree, earlier, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    await builder.run(fetch_command(uv, lock, half), cwd=builder.root, env=os.environ)
    half.rename(folder)
    return folder


def _folder(root: Path, cache: Path) -> Path | None:
    """Return where the site of the present sources belongs; None in a checkout without a site."""
    if not (root / CONFIGURATION / "zensical.toml").exists():
        return None
    return cache / "site" / digest_of(root, _sources(root))


def _sources(root: Path) -> Iterator[Path]:
    yield root / _LOCK
    yield from (root / path for path in (*pages(root), *images(root)))
    for folder in (CONFIGURATION, _OWN):
        yield from (path for path in (root / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")


def _prepare(root: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    prepare(root, work)


def complete(root: Path, work: Path) -> Path:
    """Add to what the generator made in a prepared folder, and return the folder of the site."""
    site = work / "site"
    write_texts(work, site, page_texts(root))
    # The gateway answers what is missing, as a problem document. A map of the site would need its address.
    for unused in ("404.html", "sitemap.xml"):
        (site / unused).unlink(missing_ok=True)
    return site


def _keep(root: Path, work: Path, folder: Path) -> None:
    """Complete a build, give it its name, and remove builds of earlier sources."""
    site = complete(root, work)
    for earlier in folder.parent.iterdir():
        if earlier.name not in ("work", folder.name) and not earlier.name.startswith("tools"):
            shutil.rmtree(earlier)
    site.rename(folder)
    shutil.rmtree(work)
