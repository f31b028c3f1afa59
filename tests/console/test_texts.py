"""What strangers write stays text, in every field that a screen shows."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.e2e.people import Person, send

MARKUP = "<img src=x onerror=window.ran=1><script>window.ran=2</script>"


def marked(field: str) -> str:
    return f"{field} {MARKUP}"


async def fill(client: httpx.AsyncClient, person: Person) -> int:
    """Send and create things whose every name is markup; return the segment."""
    key = (await person.new_key(name=marked("key")))["key"]
    event = {"user_id": marked("user"), "event_type": marked("event"), "payload": {marked("property"): marked("value")}}
    await send(client, key, "track", event)
    await send(client, key, "identify", {"user_id": marked("user"), "traits": {marked("trait"): marked("plan")}})
    await person.ask("PATCH", f"/api/auth/tenants/{person.tenant}/", 200, {"name": marked("workspace")})
    condition = {"type": "event_count", "event_type": marked("event"), "operator": "gte", "value": 1}
    segment = await person.new_segment(marked("segment"), {"logic": "AND", "conditions": [condition]})
    await person.ask("PATCH", f"/api/segments/{segment}/", 200, {"description": marked("description")})
    await person.compute(segment)
    return segment


@pytest.fixture
async def segment(client: httpx.AsyncClient, signed_up: SignedUp) -> int:
    return await fill(client, signed_up[0])


async def shows(page: Page, path: str, *fields: str) -> None:
    """Open a screen, and find the whole markup as text in it."""
    await page.goto(path)
    for field in fields:
        await expect(page.get_by_text(marked(field)).first).to_be_visible()
    assert await page.evaluate("() => window.ran") is None


async def test_markup_in_names_and_values_stays_text(signed_up: SignedUp, segment: int) -> None:
    _, page = signed_up
    user = httpx.URL("/").copy_with(path=f"/users/{marked('user')}").raw_path.decode()
    user = user.replace("/script", "%2Fscript")
    await shows(page, "/segments", "segment", "workspace")
    await shows(page, f"/segments/{segment}", "segment")
    await shows(page, f"/segments/{segment}?tab=rules", "event")
    await shows(page, f"/segments/{segment}?tab=members", "user")
    await shows(page, "/users", "user")
    await shows(page, user, "user", "trait")
    await shows(page, f"{user}?tab=history", "event")
    await shows(page, f"{user}?tab=segments", "segment")
    await shows(page, "/events", "event", "user")
    await shows(page, "/settings/api-keys", "key")
