"""A change of name or tags is a version without rules: the rules of the version before stay the present ones."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.console.walk import add_condition, write_word
from tests.e2e.people import Person

CONDITION = {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 2}
RULES = {"logic": "AND", "conditions": [CONDITION]}
RENAMED = 3


@pytest.fixture
async def renamed(signed_up: SignedUp) -> int:
    """A segment whose rules are version 2, and whose name and tags are version 3."""
    person, _ = signed_up
    segment = await person.new_segment("Viewers")
    await person.ask("PATCH", f"/api/segments/{segment}/", 200, {"definition": RULES})
    changed = await person.ask("PATCH", f"/api/segments/{segment}/", 200, {"name": "Watchers", "tags": ["q4"]})
    assert changed["version"] == RENAMED
    return segment


async def test_the_overview_shows_the_rules(signed_up: SignedUp, renamed: int) -> None:
    _, page = signed_up
    await page.goto(f"/segments/{renamed}")
    await expect(page.get_by_text('Users who did "viewed" at least twice.')).to_be_visible()


async def test_the_history_has_the_newest_rules_as_the_current_ones(signed_up: SignedUp, renamed: int) -> None:
    _, page = signed_up
    await page.goto(f"/segments/{renamed}?tab=history")
    versions = page.get_by_role("navigation", name="Versions").get_by_role("button")
    await expect(versions).to_have_count(2)
    await expect(versions.first).to_contain_text("Version 2current")
    await expect(page.get_by_role("heading", name="What changed from version 1 to version 2")).to_be_visible()
    await expect(page.get_by_role("button", name="Restore")).to_have_count(0)
    await versions.last.click()
    await expect(page.get_by_role("heading", name="What changed from nothing to version 1")).to_be_visible()
    await restore(page)
    await expect(versions.first).to_contain_text(f"Version {RENAMED + 1}current")
    await versions.first.click()
    between = f"What changed from version 2 to version {RENAMED + 1}"
    await expect(page.get_by_role("heading", name=between)).to_be_visible()


async def restore(page: Page) -> None:
    await page.get_by_role("button", name="Restore").click()
    await page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def edit(page: Page, segment: int) -> None:
    """Write another condition; it is not saved."""
    await page.goto(f"/segments/{segment}?tab=rules")
    await add_condition(page, "did something")
    await write_word(page, page.get_by_test_id("row-2"), "Event", "bought")
    await expect(page.get_by_text("Unsaved changes, kept in this tab")).to_be_visible()


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save Definition").click()


async def test_rules_are_saved_over_a_change_of_the_name(signed_up: SignedUp, renamed: int) -> None:
    person, page = signed_up
    await edit(page, renamed)
    await person.ask("PATCH", f"/api/segments/{renamed}/", 200, {"name": "Onlookers"})
    await page.reload()
    await expect(page.get_by_text("Onlookers").first).to_be_visible()
    await expect(page.get_by_text("after you began")).to_have_count(0)
    await person.ask("PATCH", f"/api/segments/{renamed}/", 200, {"tags": []})
    await save(page)
    await expect(page.get_by_test_id("save-state")).to_contain_text(f"{RENAMED + 3}")
    assert await events_of(person, renamed) == ["viewed", "bought"]


async def test_other_rules_are_not_overwritten(signed_up: SignedUp, renamed: int) -> None:
    person, page = signed_up
    await edit(page, renamed)
    other = {"logic": "AND", "conditions": [CONDITION | {"value": 3}]}
    await person.ask("PATCH", f"/api/segments/{renamed}/", 200, {"definition": other})
    await save(page)
    await expect(page.get_by_text(f"Someone saved version {RENAMED + 1} after you began.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(f"Someone saved version {RENAMED + 1} after you began.")).to_be_visible()
    assert await events_of(person, renamed) == ["viewed"]


async def events_of(person: Person, segment: int) -> list[str]:
    saved = await person.ask("GET", f"/api/segments/{segment}/", 200)
    return [condition["event_type"] for condition in saved["definition"]["conditions"]]
