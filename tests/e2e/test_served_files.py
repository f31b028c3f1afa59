"""The install lines of the documentation work as printed, and it and the API reference render in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import venv
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
from playwright.async_api import async_playwright

from scripts import openapi
from segops_local.artifacts.builder import Builder
from segops_local.artifacts.sdks import build_python, build_typescript
from segops_local.artifacts.site import build_site, built_site
from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port
from tests.chromium import FLAGS, installed_chromium
from tests.conformance.running import said_by
from tests.e2e.people import patient_client, sign_up
from tests.node import ROOT, find_node
from tests.runtimes import Runtimes
from tests.shared.client import RunningStack

PAGES: Final = ("README.md", "docs/quickstart.md", "sdks/python/README.md", "sdks/typescript/README.md")
PRINTED: Final = "http://127.0.0.1:8080"
NPM: Final = "import { SegOpsClient } from '@segops/sdk'; const [apiUrl, apiKey] = process.argv.slice(2);"
IN_JAVASCRIPT: Final = f"""{NPM}
const segops = new SegOpsClient({{ apiUrl, apiKey }});
segops.track({{ userId: 'user-123', eventType: 'page_viewed' }});
console.log((await segops.shutdown()).sent);
"""
IN_PYTHON: Final = """import sys
from segops_client import SegOpsClient
segops = SegOpsClient(*sys.argv[1:])
segops.track(user_id="user-123", event_type="page_viewed")
print(segops.shutdown().sent)
"""

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that serves the SDKs and the documentation as they are built from the sources."""
    folder = tmp_path_factory.mktemp("gateway")
    builder = Builder(say=lambda _: None, log=folder / "build.log")
    async with builder.alone():
        await build_python(builder)
        await build_typescript(builder)
        await build_site(builder)
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    gateway = Gateway(folder / "state", upstreams=upstreams, table=table, site=built_site)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture(scope="module")
async def key(valkey_stack: RunningStack) -> str:
    async with patient_client(valkey_stack.url) as http:
        return str((await (await sign_up(http)).new_key())["key"])


def install_line(program: str) -> str:
    """Return the only install line that the documentation has for a program."""
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    lines: set[str] = set(re.findall(rf"^{program} install .*$", text, re.MULTILINE))
    (line,) = lines
    assert PRINTED in line
    return line


async def test_the_npm_package(gateway: Gateway, valkey_stack: RunningStack, key: str, tmp_path: Path) -> None:
    node = find_node()
    _, *arguments = shlex.split(install_line("npm").replace(PRINTED, gateway.url))
    (tmp_path / "app").mkdir()
    await asyncio.to_thread(node.run, *node.npm, *arguments, cwd=tmp_path / "app")
    (tmp_path / "app" / "use.mjs").write_text(IN_JAVASCRIPT)
    assert await said_by([node.node, str(tmp_path / "app" / "use.mjs"), valkey_stack.url, key]) == "1"


async def test_the_wheel(gateway: Gateway, valkey_stack: RunningStack, key: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    pip, *arguments = shlex.split(install_line("pip").replace(PRINTED, gateway.url))
    await said_by([str(programs / pip), *arguments])
    (tmp_path / "use.py").write_text(IN_PYTHON)
    assert await said_by([str(programs / "python"), str(tmp_path / "use.py"), valkey_stack.url, key]) == "1"


def test_the_script_for_pages(gateway: Gateway) -> None:
    answer = httpx.get(f"{gateway.url}/sdk/segops.js")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"segops" in answer.content


async def test_the_reference(gateway: Gateway, runtimes: Runtimes, tmp_path: Path) -> None:
    screenshot = tmp_path / "reference.png"
    script = runtimes.script("reference.mjs")
    page = json.loads(await said_by([*script, str(runtimes.as_script), gateway.url, str(screenshot)]))
    paths = json.loads((openapi.FOLDER / "segops.json").read_text())["paths"]
    assert page["errors"] == []
    assert sorted(page["operations"]) == sorted(path for path, methods in paths.items() for _ in methods)
    assert '"event_type": "' in page["body"]


class Page(HTMLParser):
    """What a page of the documentation loads, links to and can be linked to, and what a strict policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads, self.links, self.ids, self.forbidden = set[str](), set[str](), set[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.add(values.get("href", ""))
        elif tag in ("script", "img", "iframe", "source", "video"):
            self.loads.add(values.get("src", ""))
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.add(values["href"])
        if tag == "style" or (tag == "script" and not values.get("src") and values.get("type") != "application/json"):
            self.forbidden.add(tag)
        self.forbidden |= {name for name in values if name == "style" or name.startswith("on")}
        self.ids.add(values.get("id", ""))


@pytest.fixture(scope="module")
def site(gateway: Gateway) -> dict[str, Page]:
    """The pages of the built documentation by their path on the gateway."""
    folder = built_site()
    assert folder is not None
    files = sorted(folder.rglob("index.html"))
    return {f"/docs/{file.parent.relative_to(folder)}/".replace("/./", "/"): Page(file.read_text()) for file in files}


def test_the_documentation_loads_nothing_from_elsewhere(site: dict[str, Page]) -> None:
    folder = built_site()
    assert folder is not None
    for path, page in site.items():
        for loaded in page.loads - {""}:
            assert (folder / urljoin(path, loaded).removeprefix("/docs/")).is_file(), (path, loaded)
        assert page.forbidden == set(), path
    for style in folder.rglob("*.css"):
        assert re.findall(r"@import|url\((?!\"?'?data:)[^)]*\)", style.read_text()) == [], style


def test_every_link_of_the_documentation_resolves(site: dict[str, Page], gateway: Gateway) -> None:
    folder = built_site()
    assert folder is not None
    broken = set[tuple[str, str]]()
    for path, page in site.items():
        for link in page.links:
            address = urlsplit(urljoin(path, link))
            if address.scheme or not address.path.startswith("/docs/"):
                continue
            target = site.get(address.path)
            exists = target is not None or (folder / address.path.removeprefix("/docs/")).is_file()
            if not exists or (target is not None and unquote(address.fragment) not in target.ids | {""}):
                broken.add((path, link))
    assert broken == set()
    assert len(site) > 150


def test_the_type_of_each_problem_leads_to_its_page(gateway: Gateway) -> None:
    table = (ROOT / "docs" / "problems.md").read_text()
    slugs = re.findall(r"^\| `([a-z-]+)` \|", table, flags=re.MULTILINE)
    with httpx.Client(base_url=gateway.url, follow_redirects=True) as client:
        kind = client.get("/api/absent/").json()["type"]
        assert urlsplit(kind).path == "/problems/not-found"
        for slug in slugs:
            answer = client.get(f"/problems/{slug}")
            assert answer.status_code == 200, slug
            assert f"https://segops.dev/problems/{slug}" in answer.text
        assert client.get("/problems/absent").status_code == 404


def test_the_documentation_has_no_list_within_a_paragraph(site: dict[str, Page]) -> None:
    folder = built_site()
    assert folder is not None
    lists = re.compile(r"<p>(?:(?!</p>).)*?\n(?:- |\d+\. |\| )", re.DOTALL)
    assert [file for file in folder.rglob("index.html") if lists.search(file.read_text())] == []


async def test_the_documentation_in_a_browser(gateway: Gateway) -> None:
    browser = await asyncio.to_thread(installed_chromium)
    errors = list[str]()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser.path, env={**browser.env}, args=list(FLAGS))
        page = await chromium.new_page(color_scheme="dark")
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if gateway.url not in request.url else None)
        await page.goto(f"{gateway.url}/docs/")
        await page.get_by_role("link", name="Quickstart").first.click()
        await page.wait_for_url("**/docs/quickstart/")
        assert await page.locator("body").get_attribute("data-md-color-scheme") == "slate"
        await page.get_by_role("button", name="Search").click()
        await page.locator("input[aria-label=Search]").fill("idempotency-key-reused")
        await page.get_by_role("option").first.click()
        await page.wait_for_url("**/docs/problems/idempotency-key-reused/**")
        await chromium.close()
    assert errors == []
