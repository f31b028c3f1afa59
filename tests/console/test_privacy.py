"""A person is exported and erased on their page, and old events are removed by a setting of the workspace."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.console.test_screens import axe as axe
from tests.console.test_screens import violations
from tests.console.walk import until_async
from tests.e2e.people import Person, send

USER = "person/1"


async def test_a_person_is_exported_and_erased(
    signed_up: SignedUp, client: httpx.AsyncClient, axe: str, tmp_path: Path
) -> None:
    person, page = signed_up
    key = (await person.new_key())["key"]
    await send(client, key, "identify", {"user_id": USER, "traits": {"plan": "team"}})
    await send(client, key, "track", {"user_id": USER, "event_type": "order_placed"})
    await page.goto("/users/person%2F1")
    await expect(page.get_by_text("2 events")).to_be_visible()

    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Export").click()
    await (await waiting.value).save_as(tmp_path / "user.ndjson")
    kinds = [json.loads(line)["type"] for line in (tmp_path / "user.ndjson").read_text().splitlines()]
    assert (kinds[0], kinds[-1], kinds.count("event")) == ("export", "end", 2)

    await page.get_by_role("button", name="Erase").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Erase")).to_be_disabled()
    await dialog.get_by_label(f"Type {USER} to confirm").fill(USER)
    await expect(dialog.get_by_role("button", name="Erase")).to_be_enabled()
    assert await violations(page, axe) == []
    await dialog.get_by_role("button", name="Erase").click()
    await expect(dialog.get_by_text("Complete: 1 id erased.")).to_be_visible()
    row = dialog.get_by_role("row").filter(has_text="events_by_profile")
    assert await row.get_by_role("cell").all_inner_texts() == ["events_by_profile", "2", "0"]
    await dialog.get_by_role("button", name="Close").last.click()
    await expect(page.get_by_text("No events of this user")).to_be_visible()


async def test_old_events_are_removed_by_type(signed_up: SignedUp, client: httpx.AsyncClient) -> None:
    person, page = signed_up
    key = (await person.new_key())["key"]
    old = {"user_id": "u", "event_type": "page_viewed", "timestamp": "2026-10-01T00:00:00Z", "message_id": "old"}
    await send(client, key, "track", old)
    await send(client, key, "track", {"user_id": "u", "event_type": "page_viewed"})
    await until_async(lambda: _has(person, 2), "both events are stored")
    await page.goto("/settings/general")
    await page.get_by_role("button", name="Add Event Type").click()
    await page.get_by_label("Event type 1", exact=True).fill("page_viewed")
    await expect(page.get_by_role("button", name="Save Retention")).to_be_disabled()
    await page.get_by_label("Days of event type 1").fill("30")
    await _save(page)
    await until_async(lambda: _has(person, 1), "the old event is removed")
    await until_async(lambda: _is_applied(person), "what was removed is counted")
    await page.reload()
    await expect(page.get_by_text("1 of page_viewed")).to_be_visible()
    await page.get_by_role("button", name="Remove event type 1").click()
    await _save(page)
    kept = await person.ask("GET", f"/api/explorer/retention/?tenant={person.tenant}", 200)
    assert (kept["default_days"], kept["event_types"]) == (None, [])


async def _is_applied(person: Person) -> bool:
    retention = await person.ask("GET", f"/api/explorer/retention/?tenant={person.tenant}", 200)
    return retention["applied_at"] is not None


async def _save(page: Page) -> None:
    await page.get_by_role("button", name="Save Retention").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("This cannot be undone.")).to_be_visible()
    await dialog.get_by_role("button", name="Save Retention").click()
    await expect(dialog).to_have_count(0)


async def _has(person: Person, count: int) -> bool:
    events = await person.ask("GET", f"/api/explorer/events/?tenant={person.tenant}&event_type=page_viewed", 200)
    return len(events["results"]) == count
