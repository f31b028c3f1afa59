"""Settings: a person is invited in another browser, a role takes effect, a key is rotated."""

from __future__ import annotations

import secrets

import httpx
from playwright.async_api import expect

from tests.console.conftest import Browsers, SignedUp
from tests.console.walk import PASSWORD_LABEL
from tests.e2e.people import PASSWORD

TRACK = {"user_id": "u", "event_type": "tested"}


async def test_an_invite_is_accepted_in_another_browser_and_a_role_takes_effect(
    signed_up: SignedUp, browsers: Browsers
) -> None:
    _, page = signed_up
    email = f"invited-{secrets.token_hex(6)}@example.com"
    await page.goto("/settings/team")
    await page.get_by_role("button", name="Invite Team Member").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("E-mail").fill(email)
    await dialog.get_by_role("radio", name="Viewer").check()
    await dialog.get_by_role("button", name="Send Invitation").click()
    link = await page.get_by_test_id("invite-link").inner_text()
    await page.get_by_role("button", name="Done").click()

    other = await browsers.open()
    await other.goto(link)
    await expect(other.get_by_role("heading", level=1)).to_contain_text("Join ")
    await expect(other.get_by_label("E-mail")).to_have_value(email)
    await expect(other.get_by_text("Viewer", exact=True)).to_be_visible()
    await other.get_by_label(PASSWORD_LABEL).fill(PASSWORD)
    await other.get_by_role("button", name="Join Workspace").click()
    await expect(other.get_by_role("navigation", name="Main navigation")).to_be_visible()
    await other.goto(link)
    await expect(other.get_by_text("This invite cannot be used")).to_be_visible()
    await other.goto("/segments/new")
    await expect(other.get_by_text("Only members, admins and owners can create segments.")).to_be_visible()

    await page.reload()
    await page.get_by_role("button", name=f"Change role of {email}").click()
    await page.get_by_role("dialog").get_by_role("radio", name="Admin").check()
    await page.get_by_role("dialog").get_by_role("button", name="Change role").click()
    await expect(page.get_by_role("button", name=f"Change role of {email}: Admin")).to_be_visible()
    await other.reload()
    await expect(other.get_by_role("button", name="Create", exact=True)).to_be_visible()


async def test_a_rotated_key_is_shown_once_and_replaces_the_previous(
    signed_up: SignedUp, client: httpx.AsyncClient
) -> None:
    person, page = signed_up
    previous = (await person.new_key(name="backend"))["key"]
    await page.goto("/settings/api-keys")
    await page.get_by_role("button", name="Rotate backend").click()
    await page.get_by_role("radio", name="no longer: it stops at once").check()
    await page.get_by_role("dialog").get_by_role("button", name="Rotate", exact=True).click()
    key = await page.get_by_test_id("new-key").inner_text()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("new-key")).to_be_visible()
    await page.get_by_role("button", name="I have saved it").click()
    await expect(page.get_by_test_id("new-key")).to_have_count(0)

    async def status(secret: str) -> int:
        sent = await client.post("/api/ingestion/track/", json=TRACK, headers={"Authorization": f"ApiKey {secret}"})
        return sent.status_code

    assert await status(key) == 202
    assert await status(previous) == 401
    assert key not in await page.content()


async def test_the_audit_log_is_filtered_by_the_address(signed_up: SignedUp) -> None:
    person, page = signed_up
    await person.new_key(name="backend")
    actor = (await person.ask("GET", "/api/auth/me/", 200))["id"]
    await page.goto(f"/settings/audit-log?action=api_key.created&actor={actor}&since=2020-01-01")
    rows = page.get_by_role("table").locator("[data-row]")
    await expect(rows).to_have_count(1)
    await expect(page.get_by_text("1 entry")).to_be_visible()
    await expect(rows.get_by_text("key “backend”")).to_be_visible()
    await page.get_by_label("Until the end of this day").fill("2020-01-02")
    await expect(page.get_by_text("No entry matches")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await expect(rows.get_by_text("Created the workspace")).to_be_visible()
