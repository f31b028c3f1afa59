"""A service goes away while the console is open: it says which, keeps what was typed, and recovers by itself."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.console.walk import NAME_LABEL
from tests.shared.client import RunningStack

AWAY = {
    "auth.api": ("Sign-in is not answering.", "/settings/team", "Members"),
    "ingest.api": ("Ingestion is not answering.", "/get-started", "Get started"),
    "segments.api": ("The segments service is not answering.", "/segments", "Segments"),
    "membership.api": ("The membership service is not answering.", "/users", "User Explorer"),
}


async def go(page: Page, path: str) -> None:
    """Open a screen without loading the page anew, as a link does."""
    await page.evaluate(
        "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
    )


@pytest.mark.parametrize("process", AWAY)
async def test_the_console_says_what_is_away_and_recovers(
    own_stack: RunningStack, signed_up: SignedUp, process: str
) -> None:
    says, path, title = AWAY[process]
    _, page = signed_up
    await page.goto("/segments/new")
    name = f"Kept {secrets.token_hex(4)}"
    await page.get_by_label(NAME_LABEL).fill(name)
    away = own_stack.without(process)
    await asyncio.to_thread(away.__enter__)
    try:
        await go(page, path)
        await expect(page.get_by_text(says)).to_be_visible()
        await expect(page.get_by_text("This page tries again by itself.")).to_be_visible()
        await go(page, "/segments/new")
        await expect(page.get_by_label(NAME_LABEL)).to_have_value(name)
        await go(page, path)
    finally:
        await asyncio.to_thread(away.__exit__, None, None, None)
    await expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
    await expect(page.get_by_text(says)).to_have_count(0)
    await go(page, "/segments/new")
    await expect(page.get_by_label(NAME_LABEL)).to_have_value(name)


async def test_a_form_that_could_not_be_sent_is_sent_when_the_service_is_back(
    own_stack: RunningStack, signed_up: SignedUp
) -> None:
    _, page = signed_up
    await page.goto("/segments/new")
    name = f"Sent later {secrets.token_hex(4)}"
    await page.get_by_label(NAME_LABEL).fill(name)
    away = own_stack.without("segments.api")
    await asyncio.to_thread(away.__enter__)
    try:
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_text("The segments service is not answering.")).to_be_visible()
        await expect(page.get_by_label(NAME_LABEL)).to_have_value(name)
    finally:
        await asyncio.to_thread(away.__exit__, None, None, None)
    create = page.get_by_role("button", name="Create", exact=True)
    heading = page.get_by_role("heading", name=name, level=1)
    await expect(create.or_(heading).first).to_be_visible()
    if await create.is_visible() and await create.is_enabled():
        await create.click()
    await expect(heading).to_be_visible()
