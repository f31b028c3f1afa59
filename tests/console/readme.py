"""The pictures of the README, in the form in which `docs/images` has them before they are compressed."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from tests.console.walk import rest
from tests.console.workspace import Workspace

WIDTH = 1180
NEUTRAL = """
([from, to]) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(from, to);
}
"""
"""Replaces a text wherever the page shows it: the port of a test, a secret."""


async def of_light_screens(page: Page, folder: Path, workspace: Workspace) -> None:
    """Write the pictures of a segment and of a user."""
    await page.goto(f"/segments/{workspace.segment}?tab=rules")
    await page.get_by_role("button", name="Sentence").click()
    await expect(page.get_by_text("Users who did").last).to_be_visible()
    await expect(page.locator('[data-testid="count"]:not([data-old])')).to_be_visible()
    await _write(page, folder / "segment-builder.png", 640)
    await page.goto(f"/segments/{workspace.segment}")
    await expect(page.get_by_text("Overlap with other segments")).to_be_visible()
    await _write(page, folder / "segment.png", 690)
    await page.goto(f"/users/{workspace.user}?tab=segments&segment={workspace.segment}")
    await expect(page.get_by_text("Without new events, the first change")).to_be_visible()
    await expect(page.get_by_text("Matches now")).to_be_visible()
    await _write(page, folder / "user.png", 470)


async def of_dark_screens(page: Page, folder: Path) -> None:
    """Write the picture of analytics."""
    await page.goto("/analytics?tab=segments")
    await expect(page.get_by_role("table", name="Segments with their size")).to_be_visible()
    await _write(page, folder / "analytics-dark.png", 700)


async def of_the_first_steps(page: Page, folder: Path) -> None:
    """Write the picture of the first steps; the page shows a key that was just created."""
    key = await page.get_by_test_id("new-key").inner_text()
    await page.get_by_role("button", name="I have saved it").click()
    address = await page.evaluate("location.host")
    for text, neutral in ((key, "sk_live_…"), (address, "127.0.0.1:8080")):
        await page.evaluate(NEUTRAL, [text, neutral])
    await _write(page, folder / "get-started.png", 720)


async def _write(page: Page, path: Path, height: int) -> None:
    before = page.viewport_size
    await page.set_viewport_size({"width": WIDTH, "height": height})
    await page.mouse.move(0, 0)
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    await rest(page)
    await page.screenshot(path=path, animations="disabled")
    if before is not None:
        await page.set_viewport_size(before)
