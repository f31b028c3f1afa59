"""Fixtures of the console's tests: a running stack that serves it, a browser, and people who are signed in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from segops_common.stores.clickhouse import ClickHouse
from segops_local.artifacts.builder import Builder, BuildError
from segops_local.artifacts.console import build_console
from segops_local.artifacts.sdks import build_typescript
from tests.chromium import FLAGS, Chromium, folder_of_screens, installed_chromium
from tests.console.faults import Faults
from tests.console.walk import sign_in
from tests.e2e.people import Person, patient_client, sign_up
from tests.runtimes import lacking
from tests.shared.client import RunningStack, Shared

TIMEOUT_MS = 60_000
"""Far more than a busy machine takes: tests wait for what they need, and never for a time."""
WIDE = {"width": 1440, "height": 900}
_REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash.setdefault(_REPORTS, {})[report.when] = report
    return report


def _cannot(reason: str) -> None:
    """Skip in one line; where SEGOPS_REQUIRE_CONSOLE=1 says that everything must be there, fail instead."""
    if os.environ.get("SEGOPS_REQUIRE_CONSOLE") == "1":
        pytest.fail(f"{reason} SEGOPS_REQUIRE_CONSOLE=1 forbids to skip.", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """The browser's program."""
    why = lacking()
    if why is not None:
        pytest.skip(why)
    try:
        return installed_chromium()
    except AssertionError as error:
        _cannot(f"Chromium cannot be installed: {str(error).splitlines()[-1]}")
        raise


@pytest.fixture(scope="session")
async def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The console and the script for pages, built from the present sources unless a stack was given."""
    if request.config.getoption("stack") is not None:
        return
    try:
        builder = Builder(say=lambda line: None, log=tmp_path_factory.mktemp("build") / "log")
        await build_console(builder)
        await build_typescript(builder)
    except BuildError as error:
        _cannot(f"The console cannot be built: {error}")


@pytest.fixture(scope="session")
async def stack(request: pytest.FixtureRequest, shared: Shared, built: None) -> RunningStack:
    """The product with its console; that of `--stack` if there is one.

    The console must be built first: the gateway looks for it when it starts.
    """
    url: str | None = request.config.getoption("stack")
    if url is not None:
        return RunningStack("valkey_stack", url, shared)
    stack: RunningStack = await asyncio.to_thread(shared.stack, "valkey_stack")
    async with httpx.AsyncClient(timeout=60) as client:
        assert "<title>SegOps</title>" in (await client.get(stack.url)).text
    return stack


@pytest.fixture(scope="session")
def own_stack(request: pytest.FixtureRequest, stack: RunningStack) -> RunningStack:
    """The same for tests that stop processes of it, which nobody else may use."""
    if request.config.getoption("stack") is not None:
        pytest.skip("The stack of --stack is not stopped.")
    return stack


@pytest.fixture
async def warehouse(own_stack: RunningStack) -> AsyncIterator[ClickHouse]:
    """The warehouse of the stack, for what no request can make within the time of a test."""
    clickhouse = ClickHouse(url=own_stack.engine("clickhouse"))
    yield clickhouse
    await clickhouse.close()


@pytest.fixture(scope="session")
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, **chromium.env}
        browser = await playwright.chromium.launch(
            executable_path=chromium.path, args=list(FLAGS), env=environment, timeout=TIMEOUT_MS
        )
        expect.set_options(timeout=TIMEOUT_MS)
        yield browser
        await browser.close()


@dataclass(frozen=True, slots=True)
class Browsers:
    """Opens contexts, each another browser to the product. What goes wrong in one fails the test."""

    browser: Browser
    url: str
    faults: Faults
    opened: list[BrowserContext]

    async def open(self, **options: object) -> Page:
        """Return an empty page in a browser of its own."""
        context = await self.browser.new_context(base_url=self.url, **({"viewport": WIDE} | options))  # type: ignore[arg-type]
        context.set_default_timeout(TIMEOUT_MS)
        await self.faults.watch(context)
        self.opened.append(context)
        return await context.new_page()


@pytest.fixture
async def browsers(browser: Browser, stack: RunningStack, request: pytest.FixtureRequest) -> AsyncIterator[Browsers]:
    browsers = Browsers(browser, stack.url, Faults(), [])
    yield browsers
    report = request.node.stash.get(_REPORTS, {}).get("call")
    for number, page in enumerate(page for context in browsers.opened for page in context.pages):
        if report is not None and report.failed:
            await page.screenshot(path=folder_of_screens() / f"{request.node.name}-{number}.png", full_page=True)
    for context in browsers.opened:
        await context.close()
    assert browsers.faults.lines == [], "errors in the console of the page"


@pytest.fixture
async def page(browsers: Browsers) -> Page:
    """An empty page, 1440 pixels wide, of someone who is not signed in."""
    return await browsers.open()


@pytest.fixture
async def client(stack: RunningStack) -> AsyncIterator[httpx.AsyncClient]:
    """The API, for what a test prepares or compares."""
    async with patient_client(stack.url) as client:
        yield client


@pytest.fixture
async def person(client: httpx.AsyncClient) -> Person:
    """An owner of a new tenant, by the API."""
    return await sign_up(client, "console")


SignedUp = tuple[Person, Page]


@pytest.fixture
async def signed_up(person: Person, page: Page) -> SignedUp:
    """An owner of a new tenant, and their page on the list of segments."""
    await sign_in(page, person)
    return person, page


OpenAs = Callable[[Person], Awaitable[Page]]


@pytest.fixture
def open_as(browsers: Browsers) -> OpenAs:
    """Opens another browser in which a person is signed in."""

    async def open_for(person: Person) -> Page:
        page = await browsers.open()
        await sign_in(page, person)
        return page

    return open_for
