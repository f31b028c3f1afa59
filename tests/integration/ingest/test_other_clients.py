"""Requests in the exact form of other clients of the documented API, on a real log and a real Redis."""

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from segops_common.contracts.topics import EVENTS
from segops_common.core.clock import SystemClock
from tests.integration.ingest.harness import PAGE, Api
from tests.integration.ingest.test_routes import PREFIX, problem

TRACKED = f"{PREFIX}/track/batch/"
AN_HOUR_AGO = SystemClock().now() - timedelta(hours=1)
WHOLE = AN_HOUR_AGO.strftime("%Y-%m-%dT%H:%M:%SZ")
EXACT = AN_HOUR_AGO.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
GO = {"Content-Type": "application/json", "Authorization": "ApiKey writer", "User-Agent": "Go-http-client/1.1"}
SWIFT = GO | {"Authorization": "ApiKey no-page", "User-Agent": "Shop/1 CFNetwork/1568.100.1 Darwin/24.0.0"}


def go_body(*calls: tuple[str, str, dict[str, Any]]) -> bytes:
    """Whole seconds, fields in the order of a struct, no ids."""
    events = [{"user_id": u, "event_type": e, "occurred_at": WHOLE, "payload": p} for u, e, p in calls]
    return orjson.dumps({"events": events})


async def post(api: Api, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await api.http.post(TRACKED, content=body, headers=headers)


async def stored(api: Api, user_id: str) -> list[dict[str, Any]]:
    """Return the rows of the user, each identity once, as in the warehouse."""
    lines = [
        orjson.loads(line)
        for partition in range(EVENTS.partitions)
        for record in await api.log.tail(EVENTS, partition, 500)
        for line in record.value.splitlines()
    ]
    return [*{(r["event_type"], r["message_id"], r["timestamp"]): r for r in lines if r["user_id"] == user_id}.values()]


async def test_the_go_client_repeats_the_same_bytes_after_a_5xx(api: Api) -> None:
    body = go_body(("go-1", "signed_up", {"plan": "pro"}), ("go-1", "context_identified", {"plan": "pro"}))
    first, again = await post(api, body, GO), await post(api, body, GO)
    assert (first.status_code, again.status_code) == (202, 202)
    counts = [(a.json()["queued"], a.json()["skipped"], a.json()["duplicates"]) for a in (first, again)]
    assert counts == [(2, 0, 0), (2, 0, 2)]
    rows = await stored(api, "go-1")
    assert [row["event_type"] for row in rows] == ["signed_up", "$identify"]
    assert [row["kind"] for row in rows] == ["track", "identify"]
    assert {row["timestamp"] for row in rows} == {WHOLE.replace("T", " ").replace("Z", ".000")}


async def test_two_clicks_within_a_second_are_two_events(api: Api) -> None:
    for _ in range(2):
        answer = await post(api, go_body(("go-2", "clicked", {})), GO)
        assert answer.json()["duplicates"] == 0
    assert len(await stored(api, "go-2")) == 2


async def test_the_swift_client_sends_both_ids_from_an_app(api: Api) -> None:
    event = {"user_id": "sw-1", "anonymous_id": "6F9619FF", "event_type": "opened", "payload": {}, "occurred_at": WHOLE}
    answer = await post(api, orjson.dumps({"events": [event]}), SWIFT)
    assert (answer.status_code, answer.json()["queued"]) == (202, 1)
    (row,) = await stored(api, "sw-1")
    assert row["anonymous_id"] == "6F9619FF"


async def test_a_single_track_with_occurred_at_answers_queued(api: Api) -> None:
    call = {"user_id": "py-1", "event_type": "order_placed", "occurred_at": EXACT, "payload": {"total": 42}}
    answer = await api.http.post(f"{PREFIX}/track/", json=call)
    assert (answer.status_code, answer.json()["queued"], answer.json()["status"]) == (202, True, "accepted")
    (row,) = await stored(api, "py-1")
    assert row["timestamp"] == EXACT[:23].replace("T", " ")


async def test_bad_events_are_skipped_with_their_reasons(api: Api) -> None:
    good = {"user_id": "py-2", "event_type": "seen", "occurred_at": EXACT}
    old = good | {"occurred_at": "2020-01-01T00:00:00+00:00"}
    two_times = good | {"timestamp": WHOLE}
    answer = await post(api, orjson.dumps({"events": [good, {"user_id": "py-2"}, old, two_times, 5]}), GO)
    body = answer.json()
    assert (answer.status_code, body["queued"], body["skipped"]) == (202, 1, 4)
    assert [(error["index"], error["path"], error["code"]) for error in body["errors"]] == [
        (1, "events[1].event_type", "missing"),
        (2, "events[2].occurred_at", "timestamp-out-of-range"),
        (3, "events[3].occurred_at", "conflicting-times"),
        (4, "events[4]", "wrong-type"),
    ]
    assert all("must" in error["detail"] for error in body["errors"])


@pytest.mark.parametrize(
    ("body", "expected", "path"),
    [
        ({"events": [{"user_id": "u"}]}, (422, "no-valid-event"), "events[0].event_type"),
        ({"events": []}, (422, "validation-failed"), "events"),
        ({"batch": [{}]}, (422, "validation-failed"), "batch"),
        ([], (422, "validation-failed"), ""),
        ({"events": [{}], "sent_at": 5}, (422, "validation-failed"), "sent_at"),
        ({"events": [{}] * 1_001}, (413, "batch-too-large"), None),
    ],
)
async def test_what_is_refused_as_a_whole(api: Api, body: Any, expected: tuple[int, str], path: str | None) -> None:
    answer = await post(api, orjson.dumps(body), GO)
    assert problem(answer) == expected
    assert [error["path"] for error in answer.json()["errors"]] == ([] if path is None else [path])


async def test_a_page_sends_a_batch_as_text_while_it_is_left(api: Api) -> None:
    events = [{"anonymous_id": "page-1", "event_type": "left", "occurred_at": EXACT}]
    text = orjson.dumps({"api_key": "any-page", "events": events}).decode()
    headers = {"Content-Type": "text/plain", "Origin": PAGE}
    answers = [await api.http.post(TRACKED, content=text, headers=headers, auth=_without_header) for _ in range(2)]
    assert [(answer.status_code, answer.json()["duplicates"]) for answer in answers] == [(202, 0), (202, 1)]
    assert answers[0].headers["access-control-allow-origin"] == "*"


def _without_header(request: httpx.Request) -> httpx.Request:
    del request.headers["Authorization"]
    return request
