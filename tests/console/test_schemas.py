"""Settings → Schemas: a schema is inferred, saved and enforced, and its violations are shown."""

from __future__ import annotations

import asyncio

import httpx
from playwright.async_api import expect

from tests.console.conftest import SignedUp

EVENT = {"user_id": "u", "event_type": "order_placed", "payload": {"order_id": "1017", "total": 25}}


async def test_a_schema_is_inferred_saved_and_shows_what_violates_it(
    signed_up: SignedUp, client: httpx.AsyncClient
) -> None:
    person, page = signed_up
    key = (await person.new_key())["key"]
    headers = {"Authorization": f"ApiKey {key}"}
    assert (await client.post("/api/ingestion/track/", json=EVENT, headers=headers)).status_code == 202
    async with asyncio.timeout(60):
        while not (await person.ask("GET", "/api/explorer/events/", 200))["results"]:
            await asyncio.sleep(0.1)

    await page.goto("/settings/schemas")
    await page.get_by_role("button", name="New Schema").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Event type").fill("order_placed")
    await page.keyboard.press("Escape")
    await dialog.get_by_role("button", name="Infer from stored events").click()
    await expect(dialog.get_by_label("Name of property 2")).to_have_value("total")
    await expect(dialog.get_by_label("Type of property 2")).to_have_value("number")
    await dialog.get_by_role("radio", name="quarantined").check()
    await dialog.get_by_role("button", name="Save Schema").click()
    await expect(page.get_by_text("2, 2 required")).to_be_visible()

    bad = EVENT | {"payload": {"order_id": "1018"}}
    async with asyncio.timeout(60):
        while not (await client.post("/api/ingestion/track/", json=bad, headers=headers)).json()["quarantined"]:
            await asyncio.sleep(0.2)
    async with asyncio.timeout(60):
        while not (await person.ask("GET", "/api/explorer/rejections/?event_type=order_placed", 200))["results"]:
            await asyncio.sleep(0.1)
    await page.reload()
    await page.get_by_text("order_placed").first.click()
    await expect(dialog.get_by_text("Violations of the last seven days")).to_be_visible()
    await dialog.get_by_role("link", name="Open Dead Letters").click()
    await expect(page.get_by_text("order_placed").first).to_be_visible()
