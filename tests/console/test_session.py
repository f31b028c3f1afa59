"""A session ends while a form is open, and two tabs of a browser share a session and a stream."""

from __future__ import annotations

from playwright.async_api import Page, Request, expect

from tests.console.conftest import SignedUp
from tests.console.walk import NAME_LABEL, PASSWORD_LABEL, add_condition, until
from tests.e2e.people import PASSWORD, send

STREAM = "/api/explorer/events/stream/"
REFRESH = "/api/auth/token/refresh/"


async def test_a_form_is_kept_over_the_end_of_its_session(signed_up: SignedUp) -> None:
    person, page = signed_up
    await page.goto("/segments/new")
    await page.get_by_label(NAME_LABEL).fill("Kept")
    await add_condition(page, "did something")
    await person.ask("POST", "/api/auth/token/revoke-all/", 204)
    event = page.get_by_test_id("row-1").get_by_role("button", name="Event:")
    await event.click()
    await page.get_by_role("combobox", name="Event").fill("viewed")
    await page.get_by_role("combobox", name="Event").press("Enter")
    dialog = page.get_by_role("dialog", name="Your session has ended")
    await dialog.get_by_label(PASSWORD_LABEL).fill(PASSWORD)
    await dialog.get_by_role("button", name="Sign in").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_label(NAME_LABEL)).to_have_value("Kept")
    await expect(page.get_by_role("button", name="Event: viewed")).to_be_visible()
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("heading", name="Kept", level=1)).to_be_visible()


class Sent:
    """The requests of several pages that contain a part in their address."""

    def __init__(self, part: str, *pages: Page) -> None:
        self.requests: list[Request] = []
        self._part = part
        for page in pages:
            page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if self._part in request.url:
            self.requests.append(request)


def has_token(page: Page, sent: Sent, other_than: set[str]) -> bool:
    """Return whether the page has sent a request with another access token."""
    return any(
        request.frame.page is page and request.headers.get("authorization", "") not in other_than
        for request in sent.requests
    )


def tokens_of(sent: Sent) -> set[str]:
    return {request.headers["authorization"] for request in sent.requests if "authorization" in request.headers}


async def test_two_tabs_share_a_refresh(signed_up: SignedUp) -> None:
    _, first = signed_up
    await first.context.clock.install()
    second = await first.context.new_page()
    pages = (first, second)
    status, refreshed = Sent("/api/status/", *pages), Sent(REFRESH, *pages)
    for page in pages:
        await page.goto("/segments")
        await expect(page.get_by_role("heading", name="Segments", level=1)).to_be_visible()
    await until(lambda: all(has_token(page, status, {""}) for page in pages), "both tabs have a token")
    assert [request.frame.page for request in refreshed.requests] == [first]
    for _ in range(5):
        earlier = tokens_of(status)
        refreshed.requests.clear()
        await first.context.clock.fast_forward("01:00:00")

        def both_renewed(used: set[str] = earlier) -> bool:
            return all(has_token(page, status, used) for page in pages)

        await until(both_renewed, "both tabs have a new token")
        assert len(refreshed.requests) == 1
        assert len(tokens_of(status) - earlier) == 1


async def test_two_tabs_share_a_stream_and_one_takes_over(signed_up: SignedUp) -> None:
    person, first = signed_up
    key = (await person.new_key())["key"]
    second = await first.context.new_page()
    streams = Sent(STREAM, first, second)
    for page in (first, second):
        await page.goto("/events")
        await expect(page.locator("[data-live]")).to_be_visible()
    await send(person.client, key, "track", {"user_id": "ann", "event_type": "seen_by_both"})
    for page in (first, second):
        await expect(page.get_by_role("table").get_by_text("seen_by_both")).to_be_visible()
    assert [request.frame.page for request in streams.requests] == [first]
    await first.close()
    await until(lambda: len(streams.requests) == 2, "the other tab opens a stream")
    await send(person.client, key, "track", {"user_id": "bob", "event_type": "seen_by_one"})
    await expect(second.get_by_role("table").get_by_text("seen_by_one")).to_be_visible()
    assert len(streams.requests) == 2
