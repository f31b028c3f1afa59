"""Every screen in both themes: no serious violation of accessibility; with `--screens`, pictures in two widths."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.console import readme
from tests.console.conftest import WIDE, Browsers
from tests.console.past import move_into_past
from tests.console.walk import NAME_LABEL, add_condition, rest, sign_in, write_word
from tests.console.workspace import NAME, Workspace, open_workspace
from tests.e2e.people import Person, sign_up
from tests.node import ROOT, alone, find_node
from tests.shared.client import RunningStack

TOOLS = ROOT / "console" / "tools"
NARROW = {"width": 390, "height": 844}
TALLEST = 2_000
DAYS = 30
OPEN = {
    "login": "/login",
    "sign-up": "/signup",
    "invite": "/invite?token={invite}",
    "invite-gone": "/invite?token=unknown",
    "forgot-password": "/forgot-password",
    "reset-password": "/reset-password?token=unknown",
    "verify-email": "/verify-email?token=unknown",
}
SCREENS = {
    "get-started": "/get-started",
    "segments": "/segments",
    "segments-search": "/segments?q=orders",
    "new-segment": "/segments/new",
    "segment": "/segments/{segment}",
    "segment-rules": "/segments/{segment}?tab=rules",
    "segment-members": "/segments/{segment}?tab=members",
    "segment-history": "/segments/{segment}?tab=history",
    "segment-activations": "/segments/{segment}?tab=activations",
    "segment-api": "/segments/{segment}?tab=api",
    "segment-list": "/segments/{list}?tab=list",
    "segment-missing": "/segments/999999999",
    "users": "/users",
    "user": "/users/{user}",
    "user-history": "/users/{user}?tab=history",
    "user-segments": "/users/{user}?tab=segments",
    "user-explanation": "/users/{user}?tab=segments&segment={segment}",
    "user-ids": "/users/{user}?tab=ids",
    "user-stats": "/users/{user}?tab=stats",
    "user-unknown": "/users/nobody",
    "events": "/events",
    "events-filtered": "/events?event_type=order_placed",
    "event-types": "/events?tab=types",
    "event-properties": "/events?tab=types&type=order_placed",
    "analytics": "/analytics",
    "analytics-segments": "/analytics?tab=segments",
    "analytics-overlap": "/analytics?tab=overlap",
    "analytics-activations": "/analytics?tab=activations",
    "analytics-usage": "/analytics?tab=usage",
    "ingestion": "/ingestion",
    "ingestion-letters": "/ingestion?tab=letters",
    "ingestion-sandbox": "/ingestion?tab=sandbox",
    "settings-general": "/settings/general",
    "settings-team": "/settings/team",
    "settings-keys": "/settings/api-keys",
    "settings-schemas": "/settings/schemas",
    "settings-activations": "/settings/activations",
    "activation": "/settings/activations/{activation}",
    "activation-missing": "/settings/activations/999999999",
    "settings-audit": "/settings/audit-log",
    "settings-profile": "/settings/profile",
    "status": "/status",
    "not-found": "/no/such/screen",
}
FRESH = {
    "empty-get-started": "/get-started",
    "empty-segments": "/segments",
    "empty-activations": "/settings/activations",
    "empty-users": "/users",
    "empty-events": "/events",
    "empty-analytics": "/analytics",
    "empty-ingestion": "/ingestion",
}
VIEWERS = {
    "viewer-new-segment": "/segments/new",
    "viewer-keys": "/settings/api-keys",
    "viewer-sandbox": "/ingestion?tab=sandbox",
    "viewer-status": "/status",
}


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    with alone():
        find_node().install(TOOLS, "--ignore-scripts")
    return (TOOLS / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
async def workspace(stack: RunningStack, pytestconfig: pytest.Config) -> Workspace:
    """A workspace in use; with pictures, one that has been in use for a month."""
    is_for_pictures = pytestconfig.getoption("screens") is not None
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        workspace = await open_workspace(client, runs=DAYS if is_for_pictures else 1)
    if is_for_pictures:
        await move_into_past(stack, workspace.owner.tenant)
    return workspace


async def settle(page: Page, path: str) -> None:
    """Open a screen; return when it has its heading and nothing on it is still loading."""
    await page.goto(path)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)


async def violations(page: Page, axe: str) -> list[str]:
    """Return the serious and critical violations on the page."""
    await page.evaluate(axe)
    result = await page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


HIDDEN_BELOW = """
() => Math.max(0, ...[...document.querySelectorAll('main, main *')].map(
  (element) => getComputedStyle(element).overflowY === 'auto' ? element.scrollHeight - element.clientHeight : 0))
"""


class Look:
    """Looks at screens: with axe, and with a camera if there is a folder for pictures."""

    def __init__(self, axe: str, theme: str, folder: str | None) -> None:
        self.faults: dict[str, list[str]] = {}
        self._axe = axe
        self._theme = theme
        self._folder = None if folder is None else Path(folder)

    @property
    def readme(self) -> Path | None:
        """Where the pictures of the README go; None without a folder for pictures."""
        return None if self._folder is None else self._folder / "readme"

    async def at_all(self, page: Page, screens: dict[str, str], **ids: object) -> None:
        for name, path in screens.items():
            await settle(page, path.format(**ids))
            await self.at(page, name)

    async def at(self, page: Page, name: str) -> None:
        """Note the violations of what the page shows now."""
        lines = await violations(page, self._axe)
        if lines:
            self.faults[name] = lines
        if self._folder is not None:
            await self._picture(page, self._folder, name)

    async def _picture(self, page: Page, folder: Path, name: str) -> None:
        """Write the screen in both widths, as high as what it shows."""
        for width, size in (("1440", WIDE), ("390", NARROW)):
            await page.set_viewport_size({"width": size["width"], "height": size["height"]})
            await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
            height = min(size["height"] + await page.evaluate(HIDDEN_BELOW), TALLEST)
            await page.set_viewport_size({"width": size["width"], "height": height})
            await rest(page)
            path = folder / f"{name}-{self._theme}-{width}.png"
            await page.screenshot(path=path, animations="disabled")
        await page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})


Theme = Literal["light", "dark"]


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Theme:
    value: Theme = request.param
    return value


@pytest.fixture
def look(axe: str, theme: Theme, pytestconfig: pytest.Config) -> Look:
    return Look(axe, theme, pytestconfig.getoption("screens"))


async def test_screens_are_accessible(browsers: Browsers, workspace: Workspace, look: Look, theme: Theme) -> None:
    page = await browsers.open(color_scheme=theme)
    await look.at_all(page, OPEN, invite=workspace.invite)
    await sign_in(page, workspace.owner)
    await look.at_all(page, SCREENS, **workspace.ids)
    await build_a_segment(page)
    await look.at(page, "new-segment-rows")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await look.at(page, "palette")
    if look.readme is not None and theme == "light":
        await readme.of_light_screens(page, look.readme, workspace)
    if look.readme is not None and theme == "dark":
        await readme.of_dark_screens(page, look.readme)
    assert look.faults == {}


async def build_a_segment(page: Page) -> None:
    """Write two rows into the builder; return when they are counted."""
    await settle(page, "/segments/new")
    await page.get_by_label(NAME_LABEL).fill("Carts on a paid plan")
    await add_condition(page, "did something")
    await write_word(page, page.get_by_test_id("row-1"), "Event", "added_to_cart")
    await add_condition(page, "in a segment")
    await page.get_by_test_id("row-2").get_by_role("button", name="Segment:").click()
    await page.get_by_role("option", name="Newsletter readers").click()
    await expect(page.get_by_test_id("share")).to_have_count(2)


async def test_empty_screens_are_accessible(
    browsers: Browsers, client: httpx.AsyncClient, look: Look, theme: Theme
) -> None:
    person = await sign_up(client, "fresh")
    await person.ask("PATCH", f"/api/auth/tenants/{person.tenant}/", 200, {"name": NAME})
    page = await browsers.open(color_scheme=theme)
    await sign_in(page, person)
    await look.at_all(page, FRESH)
    await settle(page, "/get-started")
    await page.get_by_role("button", name="Create key", exact=True).click()
    await expect(page.get_by_test_id("new-key")).to_be_visible()
    await look.at(page, "get-started-key")
    if look.readme is not None and theme == "light":
        await readme.of_the_first_steps(page, look.readme)
    assert look.faults == {}


async def test_what_a_viewer_may_not_do_says_so(
    browsers: Browsers, client: httpx.AsyncClient, person: Person, look: Look, theme: Theme
) -> None:
    viewer = await sign_up(client, "viewer")
    invites = f"/api/auth/tenants/{person.tenant}/invites/"
    invite = await person.ask("POST", invites, 201, {"email": viewer.email, "role": "viewer"})
    await viewer.accept(invite["token"])
    page = await browsers.open(color_scheme=theme)
    await sign_in(page, viewer)
    slug = person.email.partition("@")[0]
    for name, path in VIEWERS.items():
        await settle(page, f"{path}{'&' if '?' in path else '?'}tenant={slug}")
        await expect(page.get_by_text("You do not have access to this")).to_be_visible()
        await look.at(page, name)
    assert look.faults == {}
