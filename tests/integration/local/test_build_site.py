"""`make run` builds the documentation after the start, once; a build that fails or is interrupted leaves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from segops_local.artifacts.build import build_documentation
from segops_local.artifacts.builder import Builder, digest_of
from segops_local.artifacts.site import built_site
from segops_local.gateway.nginx import Gateway, load_routes

CONFIGURATION = """[project]
site_name = "Tiny"
site_description = "A tiny site."
nav = [{ "Home" = "index.md" }]
"""
GENERATOR = """
from pathlib import Path
page = Path("site/index.html")
page.parent.mkdir()
page.write_text(Path("pages/index.md").read_text() + Path("overrides/base.html").read_text())
Path("site/404.html").write_text("")
"""
"""Stands in for the generator: a build needs neither it nor a package index."""


class Checkout:
    """A checkout with a page; `lines` is what builds said, and `page` what the gateway serves."""

    def __init__(self, folder: Path) -> None:
        self.root, self.cache, self.lines = folder / "check out", folder / "check out" / "cache", list[str]()
        self.gateway = Gateway(folder / "gateway", 8123, upstreams={}, table=load_routes())
        self.write("docs/index.md", "# First")
        self.write("docs/problems.md", "# Problems\n\n| `gone` | 410 | It left. | Ask [us](index.md). |")
        self.write("docs/site/zensical.toml", CONFIGURATION)
        self.write("docs/site/overrides/base.html", "!")
        self.write("docs/site/site.css", "")
        lock = self.write("requirements/site.lock", "")
        self.generator = f"cache/site/tools-{digest_of(self.root, [lock])}/zensical/__main__.py"
        self.write(self.generator, GENERATOR)

    def write(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    @property
    def page(self) -> str | None:
        page = self.gateway.state_dir / "pages" / "docs" / "index.html"
        return page.read_text() if page.exists() else None

    async def build(self) -> None:
        builder = Builder(say=self.lines.append, log=self.root / "build.log", root=self.root, cache=self.cache)
        await build_documentation(builder, self.gateway)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


READY = "Documentation: http://127.0.0.1:8123/docs/"


async def test_it_is_built_when_a_page_changes_and_only_then(checkout: Checkout) -> None:
    await checkout.build()
    assert (checkout.page, checkout.lines) == ("# First!", [READY])
    site = built_site(checkout.root, checkout.cache)
    assert site is not None
    assert sorted(file.name for file in site.iterdir()) == [
        "decisions",
        "index.html",
        "index.md",
        "llms.txt",
        "problems",
        "problems.md",
    ]
    assert "Ask [us](../index.md)." in (site / "problems" / "gone.md").read_text()

    checkout.write(checkout.generator, "raise SystemExit(1)")
    await checkout.build()
    assert checkout.lines == [READY, READY], "nothing was built"

    checkout.write(checkout.generator, GENERATOR)
    checkout.write("docs/index.md", "# Second")
    assert built_site(checkout.root, checkout.cache) is None
    await checkout.build()
    assert checkout.page == "# Second!"
    assert not site.exists()


async def test_a_build_that_fails_is_one_line_and_is_repeated_next_time(checkout: Checkout) -> None:
    checkout.write(checkout.generator, "raise SystemExit('Error: no such page')")
    await checkout.build()
    assert checkout.lines == ["/docs/ is missing: `python -m zensical` failed: Error: no such page"]
    assert checkout.page is None
    checkout.write(checkout.generator, GENERATOR)
    await checkout.build()
    assert checkout.page == "# First!"


async def test_an_interrupted_build_leaves_nothing_half_done(checkout: Checkout) -> None:
    checkout.write(checkout.generator, f"{GENERATOR}\nimport time\nPath('begun').touch()\ntime.sleep(600)")
    building = asyncio.ensure_future(checkout.build())
    while not (checkout.cache / "site" / "work" / "begun").exists():
        assert not building.done(), checkout.lines
        await asyncio.sleep(0.02)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert (checkout.page, checkout.lines) == (None, [])
    checkout.write(checkout.generator, GENERATOR)
    await checkout.build()
    assert checkout.page == "# First!"


async def test_a_checkout_without_a_site_builds_none(checkout: Checkout) -> None:
    (checkout.root / "docs" / "site" / "zensical.toml").unlink()
    await checkout.build()
    assert (checkout.page, checkout.lines) == (None, [])
