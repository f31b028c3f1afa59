"""A nested segment is built, and an activation made and removed, by the keyboard alone."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.console.walk import NAME_LABEL, until
from tests.e2e.test_activations import SECRET, new_static_segment, receiving
from tests.e2e.test_changes import new_list

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


_FOCUSED = """() => {
  const element = document.activeElement;
  return (element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent).replace(/ \\*$/, '');
}"""


async def tab_to(page: Page, label: str, key: str = "Tab") -> None:
    """Press Tab, or in a menu an arrow, until a control with this name has the focus."""
    for _ in range(60):
        if await page.evaluate(_FOCUSED) == label:
            return
        await page.keyboard.press(key)
    raise AssertionError(f"no way to {label!r} by {key}")


async def press(page: Page, label: str, key: str = "Tab") -> None:
    """Press a button, or the item of a menu."""
    await tab_to(page, label, key)
    await page.keyboard.press("Enter")


async def test_a_nested_segment_needs_no_mouse(signed_up: SignedUp) -> None:
    person, page = signed_up
    keyboard = page.keyboard
    await page.goto("/segments/new")
    name = page.get_by_label(NAME_LABEL)
    await expect(name).to_be_focused()
    await keyboard.type("By keys")

    async def choose(text: str) -> None:
        await keyboard.press("Enter")
        await keyboard.type(text)
        await keyboard.press("Enter")

    await tab_to(page, "+ Add Condition")
    await choose("did something")
    await choose("viewed")
    await tab_to(page, "+ group")
    await keyboard.press("Enter")
    await choose("bought")
    await tab_to(page, "+ Add Condition to group 2")
    await choose("did something")
    await choose("returned")
    await tab_to(page, "Create")
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="By keys", level=1)).to_be_visible()
    segment = page.url.partition("/segments/")[2].partition("?")[0]
    saved = await person.ask("GET", f"/api/segments/{segment}/", 200)
    assert saved["definition"] == EXPECTED


async def test_an_activation_needs_no_mouse(signed_up: SignedUp) -> None:
    person, page = signed_up
    segment = await new_static_segment(person)
    async with receiving() as receiver:
        await make_connector(page, receiver.url)
        await press(page, "Activate")
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await new_list(person, segment, range(30))
        receiver.failures = 0
        await press(page, "Sync Now")
        await until(lambda: len(receiver.bodies) > 0, "the receiver has heard of the run")

        await press(page, "More actions")
        await expect(page.get_by_role("menuitem", name="Delete Connector")).to_be_visible()
        await press(page, "Delete Connector", "ArrowDown")
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(":focus")).to_have_count(1)
        await press(page, "Delete Connector")
        await expect(page.get_by_text("Nothing is sent yet")).to_be_visible()


async def make_connector(page: Page, address: str) -> None:
    """Make an activation of the only segment."""
    await page.goto("/settings/activations")
    await expect(page.get_by_role("button", name="New Connector").first).to_be_visible()
    await press(page, "New Connector")
    await tab_to(page, "Segment")
    await page.keyboard.type("Partners")
    await expect(page.get_by_role("option", name="Partners")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await tab_to(page, "Address")
    await page.keyboard.type(address)
    await tab_to(page, "Secret")
    await page.keyboard.type(SECRET)
    await press(page, "Save")
    await expect(page.get_by_role("heading", name="Partners", level=1)).to_be_visible()
