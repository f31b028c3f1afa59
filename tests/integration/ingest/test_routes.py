"""The HTTP interface, route by route, on a real log."""

import gzip
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, profile_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import partition_of
from segops_ingest.api.examples import CALL_EXAMPLES
from tests.integration.ingest.harness import PAGE, Api, opened

PREFIX = "/api/ingestion"
KINDS = ("track", "identify", "page", "screen", "group", "alias")
PATHS = [f"{PREFIX}/{name}/" for name in (*KINDS, "batch", "track/batch", "import")]
TRACK = {"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}
JSON = {"Content-Type": "application/json"}
RECENT = (SystemClock().now() - timedelta(hours=1)).isoformat()
SEGMENT_NAMES = {"userId": "user_id", "event": "event_type", "properties": "payload"}


async def newest_row(api: Api, user_id: str, tenant_id: int = 7) -> dict[str, Any]:
    partition = partition_of(EVENTS, profile_key(tenant_id, user_id))
    (record,) = await api.log.tail(EVENTS, partition, 1)
    row: dict[str, Any] = orjson.loads(record.value.splitlines()[-1])
    return row


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug of a problem document, checked to be one and small."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 16 * 1024
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["instance"] == answer.headers["X-Request-Id"]
    return answer.status_code, document["type"].rsplit("/", 1)[-1]


@pytest.mark.parametrize("path", PATHS)
async def test_no_credentials(api: Api, path: str) -> None:
    answer = await api.http.post(path, json={}, headers={"Authorization": ""})
    assert problem(answer)[0] == 401
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("path", PATHS)
async def test_a_persons_token_is_not_taken(api: Api, path: str) -> None:
    answer = await api.http.post(path, json={}, headers={"Authorization": "Bearer owner"})
    assert problem(answer) == (401, "api-key-required")


@pytest.mark.parametrize("path", PATHS)
async def test_a_key_without_the_scope(api: Api, path: str) -> None:
    answer = await api.http.post(path, json={}, headers={"Authorization": "ApiKey reader"})
    assert problem(answer) == (403, "insufficient-scope")


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_documented_example_of_each_call_is_stored(api: Api, kind: str, slash: str) -> None:
    call = CALL_EXAMPLES[kind]["usual"]["value"]
    answer = await api.http.post(f"{PREFIX}/{kind}{slash}", json=call)
    body = answer.json()
    assert answer.status_code == 202
    assert body == {
        "status": "accepted",
        "accepted": 1,
        "quarantined": [],
        "duplicates": 0,
        "conflicting": [],
        "warnings": [],
        "message_ids": body["message_ids"],
        "errors": [],
    } | ({"queued": True} if kind == "track" else {})
    row = await newest_row(api, call.get("user_id") or call["anonymous_id"])
    assert (row["kind"], row["message_id"], row["tenant_id"]) == (kind, body["message_ids"][0], 7)


async def test_each_key_writes_into_its_own_tenant(api: Api) -> None:
    await api.http.post(f"{PREFIX}/track/", json=TRACK, headers={"Authorization": "ApiKey neighbour"})
    assert (await newest_row(api, "user-123", tenant_id=8))["tenant_id"] == 8


async def test_records_carry_the_trace_and_the_version_of_their_schema(api: Api) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    await api.http.post(f"{PREFIX}/track/", json=TRACK | {"user_id": "traced"}, headers={"traceparent": trace})
    (record,) = await api.log.tail(EVENTS, partition_of(EVENTS, profile_key(7, "traced")), 1)
    assert record.key == profile_key(7, "traced")
    assert dict(record.headers) == {"schema-version": b"1", "traceparent": trace.encode()}


async def test_batch_answers_for_each_item(api: Api) -> None:
    items = [
        {"type": "track", **TRACK, "message_id": "m-1"},
        {"type": "track", "user_id": "u"},
        {"type": "track", **TRACK, "message_id": "m-1"},
        {"type": "identify", "user_id": "u", "traits": {"x": "y" * 33_000}},
    ]
    answer = await api.http.post(f"{PREFIX}/batch/", json={"batch": items, "sent_at": "2026-05-20T10:00:00Z"})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"], body["message_ids"]) == (2, 1, ["m-1", "m-1"])
    assert body["conflicting"] == []
    assert [(error["index"], error["code"]) for error in body["errors"]] == [(1, "missing"), (3, "event-too-large")]
    assert (body["errors"][0]["path"], body["errors"][0]["detail"]) == ("batch[1].event_type", "must be present")


async def test_every_refused_item_of_a_batch_is_named(api: Api) -> None:
    bad: list[Any] = [{"type": "track", "user_id": "u"}, {"type": "moon"}, {}, 5, None]
    items = [item for good in range(60) for item in (bad[good % 5], {"type": "track", **TRACK})]
    answer = await api.http.post(f"{PREFIX}/batch/", json={"batch": items})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 60)
    assert [error["index"] for error in answer.json()["errors"]] == list(range(0, 120, 2))
    assert all(error["code"] and error["detail"] for error in answer.json()["errors"])


async def test_an_import_answers_for_each_item_and_keeps_them_apart(api: Api) -> None:
    (event,) = CALL_EXAMPLES["import"]["usual"]["value"]["batch"]
    undated = {name: value for name, value in event.items() if name != "timestamp"}
    too_old = event | {"timestamp": "1969-12-31T23:59:59Z"}
    answer = await api.http.post(f"{PREFIX}/import/", json={"batch": [event, undated, too_old]})
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["message_ids"]) == (202, 1, [event["message_id"]])
    assert [(error["index"], error["code"]) for error in body["errors"]] == [
        (1, "missing"),
        (2, "timestamp-out-of-range"),
    ]
    (record,) = await api.log.tail(EVENT_IMPORTS, partition_of(EVENT_IMPORTS, profile_key(7, event["user_id"])), 1)
    assert orjson.loads(record.value)["timestamp"] == "2014-03-01 12:00:00.000"


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Authorization": "ApiKey page"}, (403, "secret-key-required")),
        ({"Authorization": "ApiKey page", "Origin": PAGE}, (403, "secret-key-required")),
        ({"Origin": PAGE}, (403, "secret-key-in-page")),
        ({"Content-Type": "text/plain"}, (415, "unsupported-media-type")),
        ({"Content-Type": "text/plain", "Authorization": ""}, (401, "unauthenticated")),
    ],
)
async def test_only_servers_import(api: Api, headers: dict[str, str], refused: tuple[int, str]) -> None:
    content = orjson.dumps({"api_key": "page"} | CALL_EXAMPLES["import"]["usual"]["value"])
    answer = await api.http.post(f"{PREFIX}/import/", content=content, headers=JSON | headers)
    assert problem(answer) == refused


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, (422, "validation-failed")),
        ({"batch": [{}], "sent_at": "2026-05-20T10:00:00Z"}, (422, "validation-failed")),
        ({"batch": [{"type": "track"} | TRACK]}, (422, "no-valid-event")),
        ({"batch": [{}] * 1001}, (413, "batch-too-large")),
    ],
)
async def test_imports_that_are_none(api: Api, body: Any, refused: tuple[int, str]) -> None:
    assert problem(await api.http.post(f"{PREFIX}/import/", json=body)) == refused


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, (422, "validation-failed")),
        ([], (422, "validation-failed")),
        ({"batch": []}, (422, "validation-failed")),
        ({"batch": {}}, (422, "validation-failed")),
        ({"batch": [1, "x", {}]}, (422, "no-valid-event")),
        ({"batch": [{}], "extra": 1}, (422, "validation-failed")),
        ({"batch": [{}], "sent_at": 5}, (422, "validation-failed")),
        ({"batch": [{}] * 1000}, (422, "no-valid-event")),
        ({"batch": [{}] * 1001}, (413, "batch-too-large")),
    ],
)
async def test_batches_that_are_none(api: Api, body: Any, refused: tuple[int, str]) -> None:
    assert problem(await api.http.post(f"{PREFIX}/batch/", json=body)) == refused


@pytest.mark.parametrize(
    ("content", "headers", "refused"),
    [
        (b"", JSON, (400, "malformed-json")),
        (b'{"a":1}}', JSON, (400, "malformed-json")),
        (b'\xef\xbb\xbf{"a":1}', JSON, (400, "malformed-json")),
        (b'{"user_id":NaN}', JSON, (400, "malformed-json")),
        (b'{"user_id":"\xff"}', JSON, (400, "malformed-json")),
        (b"[" * 10_000, JSON, (400, "too-deep")),
        (b"{}", {"Content-Type": "text/html"}, (415, "unsupported-media-type")),
        (b"{}", {}, (415, "unsupported-media-type")),
        (b"{}", JSON | {"Content-Encoding": "br"}, (415, "unsupported-encoding")),
        (b"garbage", JSON | {"Content-Encoding": "gzip"}, (400, "malformed-encoding")),
        (gzip.compress(b" " * (5 << 20)), JSON | {"Content-Encoding": "gzip"}, (413, "payload-too-large")),
        (b" " * ((1 << 20) + 1), JSON, (413, "payload-too-large")),
        (b"[]", JSON, (422, "validation-failed")),
        (b"null", JSON, (422, "validation-failed")),
        (b'"x"', JSON, (422, "validation-failed")),
        (b'{"user_id":"u\\u0000","event_type":"e"}', JSON, (422, "validation-failed")),
        (b'{"user_id":"u","event_type":"e"}', JSON | {"Idempotency-Key": "k" * 256}, (422, "validation-failed")),
        (orjson.dumps(TRACK | {"payload": {"x": "y" * 33_000}}), JSON, (413, "event-too-large")),
        (orjson.dumps(TRACK | {"payload": {str(key): 0 for key in range(2001)}}), JSON, (422, "too-complex")),
        (orjson.dumps(TRACK | {"timestamp": "1999-01-01T00:00:00Z"}), JSON, (422, "timestamp-out-of-range")),
        (orjson.dumps(TRACK | {"x" * 10_000: 1}), JSON, (422, "validation-failed")),
    ],
)
async def test_hostile_bodies(api: Api, content: bytes, headers: dict[str, str], refused: tuple[int, str]) -> None:
    assert problem(await api.http.post(f"{PREFIX}/track/", content=content, headers=headers)) == refused


async def test_faults_name_their_path(api: Api) -> None:
    answer = await api.http.post(
        f"{PREFIX}/batch/", json={"batch": [{"type": "track", "user_id": "", "event_type": "e"}]}
    )
    assert [(error["path"], error["code"]) for error in answer.json()["errors"]] == [
        ("batch[0].user_id", "wrong-length")
    ]


async def test_a_cut_emoji_is_repaired_and_gzip_is_read(api: Api) -> None:
    content = gzip.compress(rb'{"user_id":"surrogate","event_type":"e","payload":{"text":"\ud83d"}}')
    answer = await api.http.post(f"{PREFIX}/track/", content=content, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 202
    assert (await newest_row(api, "surrogate"))["payload"] == {"text": "\ufffd"}


async def test_a_request_repeated_with_its_idempotency_key_is_known(api: Api) -> None:
    answers = [
        (await api.http.post(f"{PREFIX}/track/", json=TRACK, headers={"Idempotency-Key": "checkout-17"})).json()
        for _ in range(2)
    ]
    assert answers[0]["message_ids"] == answers[1]["message_ids"]
    assert [answer["duplicates"] for answer in answers] == [0, 1]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_with_the_one_there_is(api: Api, method: str) -> None:
    answer = await api.http.request(method, f"{PREFIX}/track/")
    assert (problem(answer), answer.headers["Allow"]) == ((405, "method-not-allowed"), "POST")


async def test_without_redis_only_events_with_a_time_are_accepted(redis_url: str, free_port: int) -> None:
    log_url = redis_url.replace("redis://", "valkey://").removesuffix("/0") + "/5"
    async with opened(log_url, f"redis://127.0.0.1:{free_port}/0") as api:
        answer = await api.http.post(f"{PREFIX}/track/", json=TRACK | {"message_id": "order-1"})
        assert problem(answer) == (503, "upstream-unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        assert "segops_ingest_not_remembered_total 1.0" in api.metrics.render().decode()
        keyed = await api.http.post(f"{PREFIX}/track/", json=TRACK, headers={"Idempotency-Key": "k"})
        assert problem(keyed) == (503, "upstream-unavailable")
        dated = TRACK | {"message_id": "order-1", "timestamp": RECENT}
        assert (await api.http.post(f"{PREFIX}/track/", json=dated)).status_code == 202


async def test_a_key_reused_for_another_body_is_refused(api: Api) -> None:
    key = {"Idempotency-Key": "checkout-18"}
    assert (await api.http.post(f"{PREFIX}/track/", json=TRACK, headers=key)).status_code == 202
    for path, body in (("track", TRACK | {"payload": {}}), ("batch", {"batch": [{"type": "track"} | TRACK] * 2})):
        answer = await api.http.post(f"{PREFIX}/{path}/", json=body, headers=key)
        assert problem(answer) == (422, "idempotency-key-reused")


async def test_repeats_and_the_future_are_told_by_index(api: Api) -> None:
    items = [
        {"type": "track", **TRACK, "message_id": "m-7"},
        {"type": "track", **TRACK, "message_id": "m-7", "payload": {}},
        {"type": "track", **TRACK, "timestamp": (SystemClock().now() + timedelta(hours=1)).isoformat()},
    ]
    body = (await api.http.post(f"{PREFIX}/batch/", json={"batch": items})).json()
    assert (body["accepted"], body["duplicates"], body["conflicting"]) == (3, 1, [1])
    assert [(warning["index"], warning["code"]) for warning in body["warnings"]] == [(2, "future-timestamp")]


@pytest.mark.parametrize("path", ["track", "batch"])
async def test_sent_at_corrects_times(api: Api, path: str) -> None:
    now = SystemClock().now().replace(microsecond=0)
    phone = (now + timedelta(hours=10)).isoformat()
    call = TRACK | {"user_id": f"phone-{path}", "timestamp": phone}
    body = {"batch": [{"type": "track"} | call]} if path == "batch" else call
    answer = await api.http.post(f"{PREFIX}/{path}/", json=body | {"sent_at": phone})
    assert answer.json()["warnings"] == []
    row = await newest_row(api, f"phone-{path}")
    assert row["timestamp"] <= row["received_at"] < row["original_timestamp"]
    wrong = await api.http.post(f"{PREFIX}/{path}/", json=body | {"sent_at": "yesterday"})
    assert problem(wrong) == (422, "validation-failed")
    assert wrong.json()["errors"][0]["path"] == "sent_at"


async def test_all_unknown_fields_are_named(api: Api) -> None:
    call = {"userId": "u", "event": "e", "properties": {}}
    details = {name: f"Did you mean `{meant}`?" for name, meant in SEGMENT_NAMES.items()}
    single = await api.http.post(f"{PREFIX}/track/", json=call)
    item = await api.http.post(f"{PREFIX}/batch/", json={"batch": [{"type": "track"} | call]})
    whole = await api.http.post(f"{PREFIX}/batch/", json={"batch": [], "sentAt": "x", "context": {}})
    assert [error["path"] for error in whole.json()["errors"]] == ["context", "sentAt"]
    for answer, prefix in ((single, ""), (item, "batch[0].")):
        faults = {error["path"].removeprefix(prefix): error["detail"] for error in answer.json()["errors"]}
        assert faults.keys() == details.keys()
        assert all(detail.endswith(details[name]) for name, detail in faults.items())
    mixed = await api.http.post(
        f"{PREFIX}/batch/", json={"batch": [{"type": "track"} | TRACK, {"type": "track"} | call]}
    )
    (error,) = mixed.json()["errors"]
    assert all(detail in error["detail"] for detail in details.values())


async def test_without_the_log_nothing_is_accepted(redis_url: str, free_port: int) -> None:
    async with opened(f"valkey://127.0.0.1:{free_port}/5", redis_url) as api:
        answer = await api.http.post(f"{PREFIX}/track/", json=TRACK)
        assert problem(answer) == (503, "upstream-unavailable")
        assert "same `message_id`" in answer.json()["detail"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        assert (await api.http.get("/readyz")).status_code == 503
