"""A user's ids: why each belongs to the user, merge and undo, and the setting that decides which ids join."""

from __future__ import annotations

import asyncio

import httpx
from playwright.async_api import expect

from tests.console.conftest import SignedUp


async def test_ids_are_explained_and_users_merged_and_separated(signed_up: SignedUp, client: httpx.AsyncClient) -> None:
    person, page = signed_up
    headers = {"Authorization": f"ApiKey {(await person.new_key())['key']}"}
    for ids in ({"user_id": "ann", "anonymous_id": "browser-7"}, {"user_id": "ann-before"}):
        sent = {**ids, "event_type": "signed_in"}
        assert (await client.post("/api/ingestion/track/", json=sent, headers=headers)).status_code == 202
    async with asyncio.timeout(60):
        while not (await person.ask("GET", f"/api/identity/browser-7/?tenant={person.tenant}", 200))["joined"]:
            await asyncio.sleep(0.1)

    await page.goto("/users/browser-7?tab=ids")
    await expect(page.get_by_text("This id belongs to ann")).to_be_visible()
    rows = page.get_by_role("table", name="Other ids of the user").locator("[data-row]")
    await expect(rows).to_contain_text(["Named together with ann."])
    await rows.get_by_role("link", name="Show event").click()
    await expect(page.get_by_role("dialog").get_by_text("signed_in").first).to_be_visible()
    await page.keyboard.press("Escape")

    await page.goto("/users/ann?tab=ids")
    await page.get_by_role("button", name="Merge", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("User id to merge into this user").fill("ann-before")
    await expect(dialog.get_by_text("all events of ann-before, and of everyone merged")).to_be_visible()
    await dialog.get_by_role("button", name="Merge", exact=True).click()
    await expect(rows).to_contain_text(["Merged into ann by you.", "Named together with ann."])
    await page.get_by_role("button", name="Undo merge of ann-before").click()
    await expect(dialog.get_by_text("ann-before is a user of its own again")).to_be_visible()
    await dialog.get_by_role("button", name="Undo merge", exact=True).click()
    await expect(rows).to_contain_text(["Named together with ann."])
    await expect(rows).to_have_count(1)


async def test_an_owner_stops_unsigned_ids_from_joining(signed_up: SignedUp) -> None:
    person, page = signed_up
    await page.goto("/settings/general")
    await page.get_by_role("button", name="Stop joining unsigned ids").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Stop joining unsigned ids").click()
    await expect(page.get_by_text("Only ids of secret keys and of signed sessions join.")).to_be_visible()
    tenant = await person.ask("GET", f"/api/auth/tenants/{person.tenant}/", 200)
    assert tenant["join_unsigned_ids"] is False
