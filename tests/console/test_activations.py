"""Activations: a connector is made, tested and started; its log is read, a held run decided, and everything replayed."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.console.conftest import SignedUp
from tests.console.walk import until
from tests.e2e.people import Person
from tests.e2e.test_activations import SECRET, Receiver, new_static_segment, receiving
from tests.e2e.test_changes import new_list


async def test_a_connector_goes_through_its_life(signed_up: SignedUp) -> None:
    person, page = signed_up
    segment = await new_static_segment(person)
    async with receiving() as receiver:
        await make_connector(page, receiver)
        await page.get_by_role("button", name="Send Test").click()
        await expect(page.get_by_text("The test failed: 500")).to_be_visible()
        await page.get_by_role("button", name="Send Test").click()
        await expect(page.get_by_text("The receiver confirmed the test")).to_be_visible()
        await page.get_by_role("button", name="Activate").click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()

        await new_list(person, segment, range(30))
        await until(lambda: len(receiver.members) == 30, "the receiver has the members")
        await page.get_by_role("button", name="Sync Now").click()
        await expect(page.get_by_text("What was not sent is sent now.")).to_be_visible()
        await page.get_by_text("segment.entered", exact=True).click()
        await expect(page.get_by_role("dialog").get_by_text("The response was empty.")).to_be_visible()
        await page.keyboard.press("Escape")
        await hold_and_replay(person, page, segment, receiver)

        await page.goto("/analytics?tab=activations")
        await expect(page.get_by_role("link", name="Partners")).to_be_visible()
        await page.goto(f"/segments/{segment}?tab=activations")
        await page.get_by_role("link", name=receiver.url).click()
        await act(page, "Delete Connector")
        await page.get_by_role("dialog").get_by_role("button", name="Delete Connector").click()
        await expect(page.get_by_text("Nothing is sent yet")).to_be_visible()


async def hold_and_replay(person: Person, page: Page, segment: int, receiver: Receiver) -> None:
    """Discard the changes of one run, approve the changes of the next, and send all again."""
    await new_list(person, segment, range(100))
    await expect(page.get_by_text("The segment had 30 members and has 100 after it.")).to_be_visible()
    await decide(page, "Discard", "Approve")
    assert len(receiver.members) == 30
    await new_list(person, segment, range(101, 200))
    await decide(page, "Approve", "Discard")
    await until(lambda: len(receiver.members) == 99, "the receiver has the newest members")

    receiver.members.clear()
    receiver.bodies.clear()
    await act(page, "Replay")
    await page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    await until(lambda: len(receiver.members) == 99, "the receiver has every member again")


async def make_connector(page: Page, receiver: Receiver) -> None:
    """Make an activation of the only segment. Its address is refused at first."""
    await page.goto("/settings/activations")
    await page.get_by_role("button", name="New Connector").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("combobox", name="Segment").click()
    await page.get_by_role("option", name="Partners").click()
    await dialog.get_by_label("Address").fill("http://192.0.2.1/")
    await dialog.get_by_label("Secret", exact=True).fill(SECRET)
    await dialog.get_by_label("Hold large changes, in percent").fill("50")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("must lead to a public address")).to_be_visible()
    await dialog.get_by_label("Address").fill(receiver.url)
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Partners", level=1)).to_be_visible()


async def act(page: Page, name: str) -> None:
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name=name).click()


async def decide(page: Page, decision: str, other: str) -> None:
    """Decide about the run that is held, and wait until it is not."""
    await page.get_by_role("button", name=decision).click()
    await page.get_by_role("dialog").get_by_role("button", name=decision).click()
    await expect(page.get_by_role("button", name=other)).to_have_count(0)
