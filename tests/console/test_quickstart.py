"""From nothing to a member of a segment, by the console alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import httpx
from playwright.async_api import Page, expect

from tests.console.walk import NAME_LABEL, PASSWORD_LABEL, add_condition, recompute, write_word
from tests.e2e.people import PASSWORD, memberships, send

EVENT = {"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}


async def create_account(page: Page, slug: str) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="Sign up").click()
    await expect(page.get_by_role("heading", name="Create your account")).to_be_visible()
    await page.get_by_label("E-mail").fill(f"{slug}@example.com")
    await page.get_by_label(PASSWORD_LABEL).fill(PASSWORD)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Workspace name").fill(slug)
    await expect(page.get_by_label("Slug")).to_have_value(slug)
    await expect(page.get_by_text("Available")).to_be_visible()
    await page.get_by_role("button", name="Create workspace").click()
    await expect(page.get_by_role("heading", name="Get started")).to_be_visible()


async def first_key(page: Page) -> str:
    await page.get_by_role("button", name="Create key", exact=True).click()
    key = await page.get_by_test_id("new-key").inner_text()
    await expect(page.get_by_text(f"Authorization: ApiKey {key}").first).to_be_visible()
    await page.get_by_role("button", name="I have saved it").click()
    await expect(page.get_by_test_id("new-key")).to_have_count(0)
    return key


async def test_the_quickstart_needs_nothing_but_the_console(
    page: Page, client: httpx.AsyncClient, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    await create_account(page, f"quick-{secrets.token_hex(6)}")
    key = await first_key(page)
    await expect(page.get_by_text("Waiting for your first event")).to_be_visible()
    sent = time.monotonic()
    await send(client, key, "track", EVENT)
    await expect(page.get_by_text("page_viewed by user-123")).to_be_visible()
    record_property("first event seen after its request, s", round(time.monotonic() - sent, 2))

    navigation = page.get_by_role("navigation", name="Main navigation")
    await navigation.get_by_role("link", name="Segments").click()
    await page.get_by_role("link", name="New Segment").first.click()
    await page.get_by_label(NAME_LABEL).fill("Visitors")
    await add_condition(page, "did something")
    row = page.get_by_test_id("row-1")
    await write_word(page, row, "Event", "page_viewed")
    await expect(row.get_by_role("button", name="Comparison: at least")).to_be_visible()
    await expect(row.get_by_label("How many times")).to_have_value("1")
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("heading", name="Visitors", level=1)).to_be_visible()
    await recompute(page)
    await expect(page.get_by_test_id("run")).to_contain_text("1 user, 1 entered, 0 exited")
    await page.get_by_role("tab", name="Members").click()
    await expect(page.get_by_role("table").get_by_text("user-123")).to_be_visible()
    record_property("from nothing to a member, s", round(time.monotonic() - began, 2))

    segment = int(page.url.partition("/segments/")[2].partition("?")[0])
    assert (await memberships(client, key, "user-123"))["segment_ids"] == [segment]


async def test_a_refused_event_is_explained(page: Page, client: httpx.AsyncClient) -> None:
    await create_account(page, f"refused-{secrets.token_hex(6)}")
    key = await first_key(page)
    refused = await client.post(
        "/api/ingestion/track/", json=EVENT | {"event_type": ""}, headers={"Authorization": f"ApiKey {key}"}
    )
    assert refused.status_code == 422
    await expect(page.get_by_text("1 request was refused with status 422.")).to_be_visible()
    await expect(page.get_by_text("Field event_type:")).to_be_visible()
    await send(client, key, "track", EVENT)
    await expect(page.get_by_text("page_viewed by user-123")).to_be_visible()
