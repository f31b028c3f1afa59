"""The first minutes find out why no event arrives, and the script tag works in a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from playwright.async_api import Page, expect

from tests.console.conftest import Browsers, SignedUp
from tests.e2e.people import send

TRACK = "/api/ingestion/track/"
EVENT = {"user_id": "user-123", "event_type": "page_viewed"}
PAGE = "<!doctype html><title>A shop</title><body>{snippet}</body>"


async def test_it_says_why_no_event_arrives(signed_up: SignedUp, client: httpx.AsyncClient) -> None:
    person, page = signed_up
    await page.clock.install()
    await page.goto("/get-started")
    await expect(page.get_by_text("Waiting for your first event")).to_be_visible()
    silence = page.get_by_text("Nothing has arrived yet")
    await expect(silence).to_have_count(0)
    await page.clock.fast_forward("00:20")
    await expect(silence).to_be_visible()

    revoked, key = await person.new_key(), await person.new_key()
    await person.ask("DELETE", f"/api/auth/api-keys/{revoked['id']}/", 204)
    shop = await person.new_key(kind="publishable", allowed_origins=["https://shop.example.com"])

    async def refused(status: int, authorization: str, says: str, *, origin: str = "", event: object = EVENT) -> None:
        headers = {"Authorization": authorization} | ({"Origin": origin} if origin else {})
        answer = await client.post(TRACK, json=event, headers=headers)
        while answer.status_code == 202:
            # A revoked key is accepted until the services have heard of it.
            answer = await client.post(TRACK, json=event, headers=headers)
        assert answer.status_code == status, answer.text
        await expect(page.get_by_role("alert").get_by_text(says).first).to_be_visible()

    await refused(401, f"Bearer {key['key']}", "The key was sent as Bearer")
    origin = "https://elsewhere.example.com"
    await refused(403, f"ApiKey {shop['key']}", "Page not allowed for this key", origin=origin)
    await expect(page.get_by_text(f"from {origin}")).to_be_visible()
    await refused(422, f"ApiKey {key['key']}", "Field event_type:", event=EVENT | {"event_type": ""})
    await refused(401, f"ApiKey {revoked['key']}", "Unknown or revoked key")
    await send(client, key["key"], "track", EVENT)
    await expect(page.get_by_text("page_viewed by user-123")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


@asynccontextmanager
async def site(pages: dict[str, str]) -> AsyncIterator[str]:
    """Serve `pages["/"]` as HTML on an origin of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = pages["/"].encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def snippet_for(page: Page, origin: str) -> str:
    """Make a publishable key for an origin on the page of the first minutes; return what to put into a page."""
    await page.goto("/get-started")
    await page.get_by_role("tab", name="Script tag").click()
    await page.get_by_label("Origin of your site").fill(origin)
    await page.get_by_role("button", name="Create publishable key").click()
    code = page.locator("pre", has_text="<script>")
    await expect(code).to_contain_text("pk_live_")
    return await code.inner_text()


async def test_the_script_tag_sends_an_event_that_arrives(signed_up: SignedUp, browsers: Browsers) -> None:
    _, page = signed_up
    pages = {"/": ""}
    async with site(pages) as origin:
        pages["/"] = PAGE.format(snippet=await snippet_for(page, origin))
        visitor = await browsers.open()
        await visitor.goto(f"{origin}/")
        await expect(page.get_by_text("page_viewed by user-123")).to_be_visible()
