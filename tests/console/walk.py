"""What a person does in the console, by the names that they see."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page, expect

from tests.e2e.people import PASSWORD, Person

PASSWORD_LABEL = re.compile("^Password")
"""A required field has a star after its label, and the button that shows the password has the word in its name too."""

NAME_LABEL = re.compile("^Name")
"""Not the field that searches by name."""
PATIENCE_S = 60
_AT_REST = """
() => new Promise((resolve) => {
  let timer = setTimeout(resolve, 600);
  new MutationObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(resolve, 600);
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
})
"""


async def until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition is true. Fails after a time far longer than a busy machine needs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true: {what}"
        await asyncio.sleep(0.05)


async def until_async(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return when the condition is true; see `until`."""
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline, f"it did not come true: {what}"
        await asyncio.sleep(0.05)


async def rest(page: Page) -> None:
    """Return when nothing on the page has changed for a moment."""
    await page.evaluate(_AT_REST)


async def sign_in(page: Page, person: Person) -> None:
    """Sign in by the form; return when the list of segments is open."""
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label(PASSWORD_LABEL).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("navigation", name="Main navigation")).to_be_visible()


async def add_condition(page: Page, kind: str) -> None:
    """Add a condition to the outermost group of the builder, asked for by its words."""
    await page.get_by_role("button", name="+ Add Condition", exact=True).click()
    await page.get_by_role("combobox", name="+ Add Condition").fill(kind)
    await page.get_by_role("option", name=kind).first.click()


async def write_word(page: Page, row: Locator, label: str, text: str) -> None:
    """Choose what one word in a row says by writing it."""
    await row.get_by_role("button", name=f"{label}:").click()
    await page.get_by_role("combobox", name=label).fill(text)
    await page.get_by_role("combobox", name=label).press("Enter")
    await expect(row.get_by_role("button", name=f"{label}: {text}")).to_be_visible()


async def recompute(page: Page) -> None:
    """Compute the open segment, and follow the run to its end."""
    await page.get_by_role("button", name="Recompute").click()
    await run_succeeds(page)


async def run_succeeds(page: Page) -> None:
    """Follow the run that the page shows to its end."""
    await expect(page.get_by_test_id("run")).to_have_attribute("data-status", "succeeded")
