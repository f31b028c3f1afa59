"""A count over 2,000,000 events appears while a person types. `make test-long` prints how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import httpx
import pytest
from playwright.async_api import Page, expect

from segops_common.stores.clickhouse import ClickHouse
from tests.console.conftest import SignedUp
from tests.console.walk import add_condition, until_async, write_word
from tests.e2e.people import Person, send

pytestmark = pytest.mark.long

EVENTS = 2_000_000
USERS = 60_000
TYPES = ("page_viewed", "login", "search", "added_to_cart", "order_placed")
_COLUMNS = (
    "tenant_id, event_type, timestamp, message_id, position, kind, user_id, anonymous_id, payload, context, removed, "
    "empty_objects, received_at, source_partition, source_offset"
)
_FILL = f"""
INSERT INTO events ({_COLUMNS})
SELECT {{tenant:UInt64}}, {list(TYPES)}[1 + number % {len(TYPES)}], at, toString(number), 0, 'track',
    concat('user-', toString(cityHash64(number) % {USERS})), '',
    CAST(concat('{{"path": "/page-', toString(number % 40), '", "total": ', toString(number % 300), '}}'), 'JSON'),
    CAST('{{}}', 'JSON'), [], [], at, 0, number
FROM (
    SELECT number, now64(3, 'UTC') - toIntervalSecond(60 + cityHash64(number, 1) % 7776000) AS at FROM numbers({EVENTS})
)
"""


async def fill(client: httpx.AsyncClient, person: Person, warehouse: ClickHouse) -> None:
    """Store events as the sink would have in 90 days, and compute a segment, so that all users are known."""
    settings = {"max_partitions_per_insert_block": 0, "json_type_escape_dots_in_keys": 1}
    await warehouse.command(_FILL, {"tenant": person.tenant}, settings=settings, timeout_s=600)
    await send(client, (await person.new_key())["key"], "track", {"user_id": "user-1", "event_type": "login"})
    condition = {"type": "event_count", "event_type": "login", "operator": "gte", "value": 1}
    segment = await person.new_segment("Everybody", {"logic": "AND", "conditions": [condition]})
    queued = await person.ask("POST", f"/api/segments/{segment}/compute/", 202)

    async def ended() -> bool:
        run = await person.ask("GET", f"/api/segments/{segment}/runs/{queued['run_id']}/", 200)
        return bool(run["status"] == "succeeded")

    await until_async(ended, "the run that numbers all users succeeds")


async def counted(page: Page) -> str:
    """Wait for the count of the rules as they are now."""
    await expect(page.locator('[data-testid="count"]:not([data-old])')).to_be_visible()
    return await page.get_by_test_id("matched").inner_text()


async def test_a_count_over_two_million_events(
    signed_up: SignedUp,
    client: httpx.AsyncClient,
    warehouse: ClickHouse,
    record_property: Callable[[str, object], None],
) -> None:
    person, page = signed_up
    await fill(client, person, warehouse)
    await page.goto("/segments/new")
    await add_condition(page, "did something")
    row = page.get_by_test_id("row-1")
    await write_word(page, row, "Event", "order_placed")
    await add_condition(page, "did something")
    await write_word(page, page.get_by_test_id("row-2"), "Event", "page_viewed")
    counts, times = [await counted(page)], []
    for number in range(2, 9):
        await row.get_by_label("How many times").fill(str(number))
        began = time.monotonic()
        await expect(page.locator('[data-testid="count"][data-old]')).to_be_visible()
        counts.append(await counted(page))
        times.append(round(time.monotonic() - began, 2))
    record_property("from the last key stroke to the count over 2,000,000 events, s, median", statistics.median(times))
    record_property("the same, each edit, s", times)
    sizes = [int(count.replace(",", "")) for count in counts]
    assert sizes == sorted(sizes, reverse=True), "more is asked of each user, so fewer remain"
    assert 0 < sizes[-1] < sizes[0] <= USERS
