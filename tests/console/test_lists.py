"""A list of user ids is uploaded, members are scrolled, and an explanation is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from playwright.async_api import Locator, Page, Request, expect

from tests.console.conftest import SignedUp
from tests.console.walk import NAME_LABEL, run_succeeds, until_async
from tests.e2e.people import Person, send

GOOD = b"user_id\nann\nbob\ncas\n"
BAD = b"name\nann\nbob\n"
MEMBERS = 1_000_000
SEGMENTS = 1_000
PAGE = 200
MOST_ROWS = 100


async def upload(page: Page, name: str, content: bytes) -> None:
    await page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )
    await page.get_by_role("button", name="Replace the list").click()


async def test_a_bad_file_is_refused_and_a_good_one_is_shown(signed_up: SignedUp) -> None:
    _, page = signed_up
    await page.goto("/segments/new")
    await page.get_by_label(NAME_LABEL).fill("Guests")
    await page.get_by_text("A list", exact=True).click()
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_role("tab", name="List").click()
    await upload(page, "bad.csv", BAD)
    await expect(page.get_by_text("The file was refused. The list is unchanged.")).to_be_visible()
    await upload(page, "good.csv", GOOD)
    await expect(page.get_by_text("3 user ids accepted")).to_be_visible()
    await expect(page.get_by_text("ann · bob · cas")).to_be_visible()
    await run_succeeds(page)
    await page.get_by_role("tab", name="Members").click()
    await expect(page.get_by_role("table").get_by_text("cas", exact=True)).to_be_visible()


def requests_of(page: Page, part: str) -> list[str]:
    """Return a list that gets the address of every request from now on that contains the text."""
    addresses: list[str] = []

    def note(request: Request) -> None:
        if part in request.url:
            addresses.append(request.url)

    page.on("request", note)
    return addresses


async def many_members(client: httpx.AsyncClient, person: Person) -> int:
    """Create a list of many users; return it when it has been computed."""
    created = await person.ask(
        "POST", "/api/segments/", 201, {"name": "Many", "tenant": person.tenant, "segment_type": "static"}
    )
    ids = "\n".join(["user_id", *(f"user-{number:07}" for number in range(MEMBERS))])
    answer = await client.put(
        f"/api/segments/{created['id']}/members/", content=ids, headers=person.bearer | {"Content-Type": "text/csv"}
    )
    assert answer.status_code == 202, answer.text
    run = f"/api/segments/{created['id']}/runs/{answer.json()['run_id']}/"

    async def is_computed() -> bool:
        return bool((await person.ask("GET", run, 200))["status"] == "succeeded")

    await until_async(is_computed, "the list is computed")
    return int(created["id"])


async def test_many_members_are_not_loaded_at_once(
    signed_up: SignedUp, client: httpx.AsyncClient, record_property: Callable[[str, object], None]
) -> None:
    person, page = signed_up
    segment = await many_members(client, person)
    pages = requests_of(page, f"/api/segments/{segment}/members/")
    await page.goto(f"/segments/{segment}?tab=members")
    rows = page.get_by_role("table", name="Members").locator("[data-row]")
    await expect(rows.first).to_be_visible()
    assert await rows.count() < MOST_ROWS
    assert len(pages) < 5
    await scroll_on(page, rows, pages)
    loaded, shown = len(pages) * PAGE, await rows.count()
    record_property(f"rows loaded and shown of {MEMBERS:,} members after three screens", f"{loaded:,} and {shown}")
    assert loaded < MEMBERS / 50


async def scroll_on(page: Page, rows: Locator, pages: list[str]) -> None:
    """Scroll down until more pages were asked for; the page keeps only the rows in view."""
    await rows.nth(5).hover()
    for _ in range(3):
        before = len(pages)

        async def more(before: int = before) -> bool:
            await page.mouse.wheel(0, 3_000)
            return len(pages) > before

        await until_async(more, "the next page is asked for")
        assert await rows.count() < MOST_ROWS


async def test_a_thousand_segments_scroll(signed_up: SignedUp) -> None:
    person, page = signed_up
    for first in range(0, SEGMENTS, 20):
        await asyncio.gather(*(person.new_segment(f"Segment {number:04}") for number in range(first, first + 20)))
    pages = requests_of(page, "/api/segments/?")
    await page.goto("/segments")
    rows = page.get_by_role("table", name="Segments").locator("[data-row]")
    await expect(rows.first).to_be_visible()
    assert await rows.count() < MOST_ROWS
    await scroll_on(page, rows, pages)
    await page.get_by_label("Search by name, description or id").fill("segment 0007")
    await expect(page.get_by_text(f"1 of {SEGMENTS:,} segments")).to_be_visible()
    await expect(rows).to_have_count(1)
    await expect(rows.get_by_text("Segment 0007")).to_be_visible()
    assert "q=segment+0007" in page.url or "q=segment%200007" in page.url


async def test_segments_are_found_by_a_tag(signed_up: SignedUp) -> None:
    person, page = signed_up
    tagged = await person.new_segment("Carts")
    await person.new_segment("Orders")
    await page.goto(f"/segments/{tagged}")
    await expect(page.get_by_text("created by you")).to_be_visible()
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Rename, describe and tag").click()
    tags = page.get_by_role("dialog").get_by_label("Tags")
    await tags.fill("spring sale")
    await tags.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("link", name="Segments with the tag spring sale")).to_be_visible()
    await page.goto("/segments")
    rows = page.get_by_role("table", name="Segments").locator("[data-row]")
    await expect(rows).to_have_count(2)
    await expect(rows.get_by_text("you", exact=True)).to_have_count(2)
    await rows.get_by_role("link", name="Segments with the tag spring sale").click()
    await expect(page.get_by_text("1 of 2 segments")).to_be_visible()
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(rows.get_by_text("Carts")).to_be_visible()


async def test_an_explanation_shows_what_decided(signed_up: SignedUp, client: httpx.AsyncClient) -> None:
    person, page = signed_up
    key = (await person.new_key())["key"]
    for number in range(3):
        await send(client, key, "track", {"user_id": "ann", "event_type": "viewed", "payload": {"n": number}})
    condition = {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 2}
    segment = await person.new_segment("Viewers", {"logic": "AND", "conditions": [condition]})
    await person.compute(segment)
    await page.goto("/users/ann?tab=segments")
    await page.get_by_role("button", name="Explain Viewers").click()
    await expect(page.get_by_text("Matches now")).to_be_visible()
    await expect(page.get_by_text("3, needs at least 2")).to_be_visible()


async def test_memberships_say_when_time_alone_ends_them(signed_up: SignedUp, client: httpx.AsyncClient) -> None:
    person, page = signed_up
    await send(client, (await person.new_key())["key"], "track", {"user_id": "ann", "event_type": "viewed"})
    ever = {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 1}
    for name, condition in {
        "Ever": ever,
        "Of two days": ever | {"window": {"last": "2d"}},
        "Of nine days": ever | {"window": {"last": "9d"}},
    }.items():
        await person.compute(await person.new_segment(name, {"logic": "AND", "conditions": [condition]}))
    gone = await person.new_segment("Gone", {"logic": "AND", "conditions": [ever]})
    await person.compute(gone)
    never = {"logic": "AND", "conditions": [ever | {"operator": "eq", "value": 0}]}
    await person.ask("PATCH", f"/api/segments/{gone}/", 200, {"definition": never})
    await page.goto("/users/ann?tab=segments")
    await expect(
        page.get_by_text("Without new events, the first change: leaves Of two days in 2 days.")
    ).to_be_visible()
    rows = page.get_by_role("table", name="Segments of the user").locator("[data-row]")
    for name, outlook in {
        "Ever": "stays",
        "Of two days": "leaves in 2 days",
        "Of nine days": "leaves in 9 days",
        "Gone": "no longer matches",
    }.items():
        await expect(rows.filter(has_text=name)).to_contain_text(outlook)
