"""Events of a session belong to its user or visitor, whatever ids they are sent with."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS
from tests.integration.ingest.harness import PAGE, Api
from tests.integration.ingest.test_pages import can_be_read, send_text
from tests.integration.ingest.test_routes import PREFIX, newest_row, problem

TRACK = {"user_id": "eve", "anonymous_id": "browser", "event_type": "view"}
TRACKING: list[tuple[str, dict[str, Any]]] = [
    ("track/", TRACK),
    ("track", TRACK),
    ("track/", {"event_type": "view"}),
    ("track/", TRACK | {"user_id": "x" * (MAX_PROFILE_ID_CHARS + 1)}),
    ("identify/", {"user_id": "eve", "traits": {"plan": "pro"}}),
    ("page/", {"anonymous_id": "eve"}),
    ("screen/", {"user_id": "eve"}),
    ("group/", {"user_id": "eve", "group_id": "acme"}),
    ("track/batch/", {"events": [{"event_type": "view"}, TRACK]}),
    ("track/batch/", {"events": [TRACK, {"event_type": "context_identified", "user_id": "eve", "payload": {}}]}),
    ("batch/", {"batch": [{"type": "identify", "anonymous_id": "eve", "traits": {}}, {"type": "track", **TRACK}]}),
]


async def send(api: Api, session: str, path: str, body: Any, **headers: str) -> httpx.Response:
    return await api.http.post(f"{PREFIX}/{path}", json=body, headers={"Authorization": f"Bearer {session}"} | headers)


@pytest.mark.parametrize(("path", "body"), TRACKING)
async def test_every_event_gets_the_id_of_the_user(api: Api, path: str, body: dict[str, Any]) -> None:
    answer = await send(api, "ada", path, body)
    assert answer.status_code == 202, answer.text
    row = await newest_row(api, "ada")
    assert (row["message_id"], row["user_id"]) == (answer.json()["message_ids"][-1], "ada")


@pytest.mark.parametrize(("path", "body"), TRACKING)
async def test_every_event_gets_the_id_of_the_visitor(api: Api, path: str, body: dict[str, Any]) -> None:
    answer = await send(api, "visitor", path, body)
    assert answer.status_code == 202, answer.text
    row = await newest_row(api, "anon_7")
    assert (row["message_id"], row["user_id"]) == (answer.json()["message_ids"][-1], "")
    assert row["anonymous_id"] == "anon_7"


async def test_the_visitor_id_of_a_user_is_kept(api: Api) -> None:
    await send(api, "ada", "track/", TRACK)
    assert (await newest_row(api, "ada"))["anonymous_id"] == "browser"


async def test_a_signed_user_has_the_visitor_id_that_visitors_of_the_key_have(api: Api) -> None:
    for browser in ("browser", "anon_browser"):
        await send(api, "signed", "track/", TRACK | {"anonymous_id": browser})
        row = await newest_row(api, "sue")
        assert (row["anonymous_id"], row["joins"]) == ("anon_browser", True)
    await send(api, "signed", "alias/", {"user_id": "eve", "previous_id": "browser"})
    assert (await newest_row(api, "sue"))["anonymous_id"] == "anon_browser"
    for wrong in ("", 7, None, "x" * 256):
        assert problem(await send(api, "signed", "track/", TRACK | {"anonymous_id": wrong}))[0] == 422


async def test_an_alias_is_of_the_user(api: Api) -> None:
    assert (await send(api, "ada", "alias/", {"user_id": "eve", "previous_id": "browser"})).status_code == 202
    assert (await newest_row(api, "ada"))["payload"] == {"previous_id": "browser"}
    assert problem(await send(api, "visitor", "alias/", {"user_id": "eve", "previous_id": "b"}))[0] == 422


async def test_a_list_of_events_hides_no_other_event(api: Api) -> None:
    for name in ("batch", "events"):
        body = TRACK | {name: [{"user_id": "ada"}]}
        assert problem(await send(api, "ada", "track/", body)) == (422, "validation-failed")


@pytest.mark.parametrize("body", [[], [TRACK], "x", 7, {"batch": 7}, {"batch": [None, [], 7]}])
async def test_what_is_no_event_is_refused_as_without_a_session(api: Api, body: Any) -> None:
    for path in ("track/", "batch/"):
        assert problem(await send(api, "ada", path, body))[0] == 422


async def test_a_repeated_batch_counts_once_for_each_session(api: Api) -> None:
    """Two users whose pages send the same bytes did two things."""
    at = SystemClock().now().isoformat()
    body = {"events": [TRACK | {"occurred_at": at, "payload": {"n": n}} for n in range(2)]}
    answers = [(await send(api, session, "track/batch/", body)).json() for session in ("ada", "visitor", "ada")]
    assert [answer["duplicates"] for answer in answers] == [0, 0, 2]


async def test_the_origin_counts_as_for_the_key(api: Api) -> None:
    answer = await send(api, "ada", "track/", TRACK, Origin=PAGE)
    assert answer.status_code == 202
    answer = await send(api, "ada", "track/", TRACK, Origin="https://evil.example")
    assert problem(answer) == (403, "origin-not-allowed")
    assert can_be_read(answer)


async def test_a_session_imports_nothing(api: Api) -> None:
    assert problem(await send(api, "ada", "import/", {"batch": []})) == (403, "secret-key-required")


async def test_a_key_that_requires_signed_ids_sends_nothing_itself(api: Api) -> None:
    answer = await api.http.post(f"{PREFIX}/track/", json=TRACK, headers={"Authorization": "ApiKey signing"})
    assert problem(answer) == (403, "session-required")
    assert problem(await send_text(api, TRACK | {"api_key": "signing"})) == (403, "session-required")
    assert (await send(api, "visitor", "track/", TRACK)).status_code == 202


async def test_a_page_that_is_left_sends_its_token_in_the_body(api: Api) -> None:
    answer = await send_text(api, TRACK | {"session_token": "ada"}, Origin=PAGE)
    assert answer.status_code == 202, answer.text
    assert (await newest_row(api, "ada"))["message_id"] == answer.json()["message_ids"][0]
    for body, refused in (
        (TRACK | {"session_token": "ada", "api_key": "page"}, (400, "malformed-request")),
        (TRACK | {"session_token": "nobody"}, (401, "unauthenticated")),
        (TRACK | {"session_token": 7}, (422, "validation-failed")),
        (TRACK | {"session_token": "owner"}, (401, "api-key-required")),
    ):
        assert problem(await send_text(api, body, Origin=PAGE)) == refused
