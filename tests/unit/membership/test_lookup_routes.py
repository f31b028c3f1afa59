"""Lookups over HTTP, on memory adapters: of many users, of one segment, and again."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.membership.api import OTHER, SEGMENT, Api, slug

LOOKUP = "/api/segments/membership/"
BATCH = f"{LOOKUP}batch/"


async def test_many_users_are_looked_up_at_once(api: Api) -> None:
    users = ["bob", "stranger", "ada", "bob"]
    first, second = [(await api.post(BATCH, {"user_ids": users})).json()["results"] for _ in range(2)]
    segments = [[SEGMENT], [], [SEGMENT], [SEGMENT]]
    assert [(row["user_id"], row["segment_ids"]) for row in first] == list(zip(users, segments, strict=True))
    assert ([row["cached"] for row in first], [row["cached"] for row in second]) == ([False] * 4, [True] * 4)
    assert (await api.get(LOOKUP, user_id="ada")).json()["cached"]
    await api.publish(2, "stranger")
    third = (await api.post(BATCH, {"user_ids": users})).json()["results"]
    assert [row["segment_ids"] for row in third] == [[SEGMENT]] * 4


async def test_many_users_without_the_cache_or_the_warehouse(api: Api) -> None:
    api.membership.cache.reachable = False
    (row,) = (await api.post(BATCH, {"user_ids": ["ada"]})).json()["results"]
    assert (row["segment_ids"], row["cached"]) == ([SEGMENT], False)
    api.membership.reader.reachable = False
    assert slug(await api.post(BATCH, {"user_ids": ["ada", "eve"]})) == (503, "upstream-unavailable")


async def test_a_batch_must_be_small_and_valid(api: Api) -> None:
    full = [f"user-{number}" for number in range(1000)]
    assert len((await api.post(BATCH, {"user_ids": full})).json()["results"]) == 1000
    for user_ids in ([], [*full, "one-more"], [""], [1], ["\0"], ["x" * 257], "ada", None):
        assert (await api.post(BATCH, {"user_ids": user_ids})).status_code == 422
    assert (await api.post(BATCH, {"user_ids": ["ada"]}, None)).status_code == 401
    assert slug(await api.post(BATCH, {"user_ids": ["ada"]}, "ApiKey writer")) == (403, "insufficient-scope")
    (row,) = (await api.post(BATCH, {"user_ids": ["ada"]}, "ApiKey theirs")).json()["results"]
    assert row["segment_ids"] == []
    refused = await api.post(BATCH, {"user_ids": ["ada"], "tenant": OTHER})
    assert slug(refused) == (403, "tenant-mismatch")


async def test_one_segment_is_a_yes_or_no(api: Api) -> None:
    answers = [(await api.get(LOOKUP, user_id=user, segment_id=SEGMENT)).json() for user in ("ada", "eve")]
    assert [answer["is_member"] for answer in answers] == [True, False]
    assert [answer["segment_ids"] for answer in answers] == [[SEGMENT], []]
    assert "is_member" not in (await api.get(LOOKUP, user_id="ada")).json()
    assert (await api.get(LOOKUP, user_id="ada", segment_id=0)).status_code == 422


async def test_a_known_answer_is_not_sent_again_until_the_segments_change(api: Api) -> None:
    async def ask(etag: str, user: str = "eve", **query: Any) -> httpx.Response:
        return await api.get(LOOKUP, headers={"If-None-Match": etag}, user_id=user, **query)

    etag = (await api.get(LOOKUP, user_id="eve")).headers["etag"]
    for tag in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        answer = await ask(tag)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert [(await ask(other)).status_code for other in ('W/"other"', "")] == [200, 200]
    assert (await ask(etag, "bob")).status_code == 200
    assert (await ask(etag, segment_id=SEGMENT)).status_code == 200
    await api.publish(2, "zoe")
    assert (await ask(etag)).status_code == 304
    await api.publish(3, "eve")
    changed = await ask(etag)
    assert (changed.status_code, changed.json()["segment_ids"]) == (200, [SEGMENT])
    assert changed.headers["cache-control"] == "private, no-cache"
