"""Lists by cursor and by page number: what a client gets, and how it reads to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from segops_common.core.pagination import Page, id_position, page_of
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.fields import ListResponse, list_example
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process

NUMBERS: list[int] = []
router = new_router(prefix="/api/numbers", tags=["numbers"])


class NumberList(ListResponse[str]):
    """Numbers as text, ascending."""

    model_config = list_example("/api/numbers/x/", "7")


@router.get("/{name}/")
async def list_numbers(name: str, page: PageParams, tag: str = "") -> NumberList:
    """List the numbers."""
    return NumberList.of(read(page), page, str)


def read(query: PageParams) -> Page[int]:
    after = id_position(query, start=0)
    above: Sequence[int] = [number for number in sorted(NUMBERS) if number > after]
    return page_of(above[query.offset :][: query.limit + 1], query, lambda number: number, count=len(NUMBERS))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[SimpleNamespace]]:
        yield Running(SimpleNamespace(), authenticator=FakeAuthenticator())

    NUMBERS[:] = range(1, 8)
    app = create_app(title="numbers", description="", lifespan=lifespan, routers=[router], tags=[])
    async with in_process(app) as client:
        yield client


async def page_at(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert set(body) == {"count", "next", "previous", "results", "next_cursor"}
    return body


async def test_a_page_by_number_says_what_is_before_and_after(client: httpx.AsyncClient) -> None:
    assert await page_at(client, "/api/numbers/x/?page=2&page_size=3") == {
        "count": 7,
        "next": "/api/numbers/x/?page_size=3&page=3",
        "previous": "/api/numbers/x/?page_size=3&page=1",
        "results": ["4", "5", "6"],
        "next_cursor": "WzZd",
    }
    last = await page_at(client, "/api/numbers/x/?page_size=3&page=3")
    assert (last["results"], last["next"], last["next_cursor"]) == (["7"], None, None)
    first = await page_at(client, "/api/numbers/x/?page_size=3")
    assert (first["results"], first["previous"]) == (["1", "2", "3"], None)
    beyond = await page_at(client, f"/api/numbers/x/?page={2**31 - 1}&page_size=1000")
    assert (beyond["results"], beyond["next"], beyond["count"]) == ([], None, 7)


async def test_counting_pages_until_there_is_no_next_one_reads_everything_once(client: httpx.AsyncClient) -> None:
    results: list[str] = []
    number = 1
    while (page := await page_at(client, f"/api/numbers/x/?page={number}&page_size=2"))["next"]:
        results += page["results"]
        number += 1
    assert results + page["results"] == [str(number) for number in range(1, 8)]


@pytest.mark.parametrize("start", ["?limit=2", "?page_size=2", "?limit=7", "?page_size=7", ""])
async def test_the_links_lead_to_the_end(client: httpx.AsyncClient, start: str) -> None:
    results: list[str] = []
    path: str | None = f"/api/numbers/x/{start}"
    while path is not None:
        page = await page_at(client, path)
        results += page["results"]
        path = page["next"]
    assert results == [str(number) for number in range(1, 8)]


async def test_a_cursor_misses_and_repeats_nothing_while_the_list_changes(client: httpx.AsyncClient) -> None:
    first = await page_at(client, "/api/numbers/x/?limit=3")
    assert first["previous"] is None
    NUMBERS.remove(1)
    NUMBERS.append(8)
    rest = await page_at(client, f"/api/numbers/x/?limit=9&cursor={first['next_cursor']}")
    assert rest["results"] == ["4", "5", "6", "7", "8"]
    assert (rest["next"], rest["previous"], rest["count"]) == (None, None, 7)


async def test_links_keep_the_path_and_the_other_parameters(client: httpx.AsyncClient) -> None:
    name, tag = "a b?&#%é", "x&y=z é"
    page = await page_at(client, f"/api/numbers/{quote(name)}/?tag={quote(tag)}&limit=3")
    assert page["next"].isascii()
    assert (await page_at(client, page["next"]))["results"] == ["4", "5", "6"]
    assert dict(httpx.URL(page["next"]).params) == {"tag": tag, "limit": "3", "cursor": page["next_cursor"]}
    assert httpx.URL(page["next"]).path == f"/api/numbers/{name}/"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("page=0", "query.page"),
        ("page=-1", "query.page"),
        (f"page={2**31}", "query.page"),
        ("page=x", "query.page"),
        ("page=1.5", "query.page"),
        ("page=", "query.page"),
        ("page_size=0", "query.page_size"),
        ("page_size=1001", "query.page_size"),
        ("page=1&cursor=WzZd", "query.page"),
        ("page=1&limit=5", "query.page"),
        ("page_size=5&cursor=WzZd", "query.page_size"),
        ("page_size=5&limit=5", "query.page_size"),
    ],
)
async def test_what_is_no_page_is_refused_by_name(client: httpx.AsyncClient, query: str, path: str) -> None:
    response = await client.get(f"/api/numbers/x/?{query}")
    assert response.status_code == 422
    assert [error["path"] for error in response.json()["errors"]] == [path]


@pytest.mark.parametrize("cursor", ["x", "WzFd0", "WyJhIl0", "WzEsMl0", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "Wy0xXQ"])
async def test_an_invented_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    response = await client.get(f"/api/numbers/x/?cursor={cursor}")
    assert (response.status_code, response.json()["type"].rsplit("/", 1)[1]) == (400, "invalid-cursor")
