"""A nested segment is built by the keyboard alone."""

from __future__ import annotations

from playwright.async_api import expect

from tests.console.conftest import SignedUp
from tests.console.walk import NAME_LABEL

EXPECTED = {
    "logic": "AND",
    "conditions": [
        {"type": "event_count", "event_type": "viewed", "operator": "gte", "value": 1},
        {
            "logic": "OR",
            "conditions": [
                {"type": "event_count", "event_type": "bought", "operator": "gte", "value": 1},
                {"type": "event_count", "event_type": "returned", "operator": "gte", "value": 1},
            ],
        },
    ],
}


async def test_a_nested_segment_needs_no_mouse(signed_up: SignedUp) -> None:
    person, page = signed_up
    keyboard = page.keyboard
    await page.goto("/segments/new")
    name = page.get_by_label(NAME_LABEL)
    await expect(name).to_be_focused()
    await keyboard.type("By keys")

    async def tab_to(label: str) -> None:
        for _ in range(40):
            focused = await page.evaluate(
                "() => document.activeElement.ariaLabel ?? document.activeElement.textContent"
            )
            if focused == label:
                return
            await keyboard.press("Tab")
        raise AssertionError(f"no way to {label!r} by Tab")

    async def choose(text: str) -> None:
        await keyboard.press("Enter")
        await keyboard.type(text)
        await keyboard.press("Enter")

    await tab_to("+ Add Condition")
    await choose("did something")
    await choose("viewed")
    await tab_to("+ group")
    await keyboard.press("Enter")
    await choose("bought")
    await tab_to("+ Add Condition to group 2")
    await choose("did something")
    await choose("returned")
    await tab_to("Create")
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="By keys", level=1)).to_be_visible()
    segment = page.url.partition("/segments/")[2].partition("?")[0]
    saved = await person.ask("GET", f"/api/segments/{segment}/", 200)
    assert saved["definition"] == EXPECTED
