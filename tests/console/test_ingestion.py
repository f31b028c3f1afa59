"""A test event reaches the test workspace, and an event that was not stored is replayed."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta

from playwright.async_api import expect

from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from tests.console.conftest import SignedUp


async def test_a_test_event_is_published_and_found(signed_up: SignedUp) -> None:
    _, page = signed_up
    user = f"robot-{secrets.token_hex(4)}"
    await page.goto("/ingestion?tab=sandbox")
    await page.get_by_label("User id").fill(user)
    await page.get_by_label("Payload (JSON)").fill('{"path": ')
    publish = page.get_by_role("button", name="Publish Event")
    await expect(publish).to_be_disabled()
    await page.get_by_label("Payload (JSON)").fill('{"path": "/tested"}')
    await publish.click()
    await page.get_by_role("button", name="Create Test Workspace").click()
    await expect(page.get_by_text("Published to the test workspace")).to_be_visible()
    await page.get_by_role("link", name="Open the user").click()
    await expect(page.get_by_role("heading", name=user, level=1)).to_be_visible()
    await page.get_by_role("link", name="Event History").click()
    await expect(page.get_by_text("/tested").first).to_be_visible()
    await expect(page.get_by_role("button", name="Switch workspace")).to_contain_text("test")


async def keep_dead_letter(warehouse: ClickHouse, tenant: int, user: str) -> None:
    """Add an event that the warehouse refused, as the sink does."""
    message_id = secrets.token_hex(8)
    row = {
        "tenant_id": tenant,
        "kind": "track",
        "event_type": "order_placed",
        "user_id": user,
        "anonymous_id": "",
        "message_id": message_id,
        "timestamp": (SystemClock().now() - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.000"),
        "received_at": SystemClock().now().strftime("%Y-%m-%d %H:%M:%S.000"),
        "payload": {"total": 41.9},
        "context": {},
        "removed": [],
    }
    columns = ("tenant_id", "message_id", "code", "reason", "line", "source_partition", "source_offset")
    values = (tenant, message_id, 117, "Cannot parse the payload", json.dumps(row), 0, secrets.randbelow(2**40))
    await warehouse.insert("dead_letters", [values], columns)


async def test_a_dead_letter_is_replayed(signed_up: SignedUp, warehouse: ClickHouse) -> None:
    person, page = signed_up
    user = f"buyer-{secrets.token_hex(4)}"
    await keep_dead_letter(warehouse, person.tenant, user)
    await page.goto("/ingestion?tab=letters")
    await expect(page.get_by_text("Cannot parse the payload")).to_be_visible()
    await page.get_by_role("button", name="Replay order_placed").click()
    await page.get_by_role("dialog").get_by_role("button", name="Replay", exact=True).click()
    await expect(page.get_by_text("The event is in the log and will be stored within a second.")).to_be_visible()
    await expect(page.get_by_role("button", name="Replay order_placed")).to_have_count(0)
    await expect(page.get_by_role("button", name="Replay All")).to_have_count(0)

    await keep_dead_letter(warehouse, person.tenant, f"{user}-2")
    await page.reload()
    await page.get_by_role("button", name="Replay All").click()
    await page.get_by_role("dialog").get_by_role("button", name="Replay All").click()
    await expect(page.get_by_text("Replayed: 1. Not valid any more: 0. Remaining: 0.")).to_be_visible()

    await page.goto(f"/users/{user}")
    await expect(page.get_by_text("1 event · last seen")).to_be_visible()
