"""Rejections, dead letters and the sandbox over HTTP, with the log of refusals in a real Redis."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from segops_common.contracts.topics import EVENTS
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.security.api_keys import new_key
from segops_common.security.permissions import KeyKind
from segops_ingest.domain.rows import CONFLICTING
from segops_ingest.ports.tenant_directory import KeyOwner
from tests.integration.ingest.harness import PAGE, Api
from tests.integration.ingest.test_routes import PREFIX, problem

REJECTIONS = "/api/explorer/rejections/"
LETTERS = "/api/explorer/dead-letters/"
PUBLISH = "/api/explorer/sandbox/publish/"
SECRET = "a-value-that-nobody-may-see"
TRACK: dict[str, Any] = {"user_id": "u", "event_type": "e", "payload": {"card": SECRET}}
REVOKED = new_key(KeyKind.SECRET, SystemIds(SystemClock()))


async def rejections(api: Api, authorization: str = "ApiKey explorer", **query: Any) -> dict[str, Any]:
    await api.rejections.flush(all_of_them=True)
    answer = await api.http.get(REJECTIONS, params=query, headers={"Authorization": authorization})
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    assert REVOKED not in answer.text
    body: dict[str, Any] = answer.json()
    return body


async def send(api: Api, path: str, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    own = {"Authorization": "ApiKey sender", "Content-Type": "application/json", "User-Agent": "test/1"}
    return await api.http.post(f"{PREFIX}/{path}/", content=content, headers=own | headers)


async def newest(api: Api) -> dict[str, Any]:
    entry: dict[str, Any] = (await rejections(api, limit=1))["results"][0]
    return entry


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("track", TRACK | {"payload": 5}, (422, "validation-failed", "wrong-type", "payload")),
        ("track", TRACK | {"card": SECRET}, (422, "validation-failed", "unknown-field", "card")),
        ("track", b'{"a": 12345678', (400, "malformed-json", "", "")),
        ("track", TRACK | {"payload": {"x": "y" * 40_000}}, (413, "event-too-large", "event-too-large", "")),
        ("track", TRACK | {"timestamp": "1999-01-01T00:00:00Z"}, (422, "timestamp-out-of-range")),
        ("batch", {"batch": [TRACK, TRACK]}, (422, "no-valid-event", "missing", "type")),
        ("track/batch", {"events": [TRACK, {"user_id": SECRET}]}, (202, "event-skipped", "missing", "event_type")),
    ],
)
async def test_a_refusal_is_listed_without_any_value(api: Api, path: str, body: Any, expected: Any) -> None:
    answer = await send(api, path, body)
    entry = await newest(api)
    shown = (entry["status"], entry["reason"], entry["code"], entry["path"])
    assert shown[: len(expected)] == expected
    assert answer.status_code == entry["status"]
    assert (entry["route"], entry["user_agent"], entry["key_id"]) == (f"{PREFIX}/{path}/", "test/1", 1)
    assert "12345678" not in entry["detail"]
    assert entry["detail"]


async def test_refused_events_of_a_batch_are_counted_by_reason(api: Api) -> None:
    events = [TRACK, *({"user_id": f"u{n}"} for n in range(30)), *({"event_type": f"e{n}"} for n in range(12))]
    await send(api, "track/batch", {"events": events}, **{"User-Agent": "counting"})
    entries = [entry for entry in (await rejections(api))["results"] if entry["user_agent"] == "counting"]
    assert {(entry["path"], entry["count"]) for entry in entries} == {("event_type", 30), ("user_id", 12)}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"ApiKey {REVOKED}"},
        {"Authorization": f"Bearer {REVOKED}"},
        {"Authorization": "Basic " + base64.b64encode(f"{REVOKED}:".encode()).decode()},
        {"Authorization": REVOKED},
    ],
)
async def test_a_key_that_is_not_accepted_is_reported_to_its_tenant(api: Api, headers: dict[str, str]) -> None:
    api.directory.owners[REVOKED] = KeyOwner(tenant_id=31, key_id=77)
    headers |= {"User-Agent": f"revoked {hash(str(headers))}"}
    assert (await send(api, "track", TRACK, **headers)).status_code == 401
    entry = await newest(api)
    assert (entry["status"], entry["key_id"], entry["user_agent"]) == (401, 77, headers["User-Agent"])
    assert (entry["key_prefix"], entry["key_last_four"]) == ("sk_live_", REVOKED[-4:])


async def test_a_key_in_the_body_of_a_page_is_reported(api: Api) -> None:
    api.directory.owners[REVOKED] = KeyOwner(tenant_id=31, key_id=78)
    text = orjson.dumps({"api_key": REVOKED, **TRACK})
    request = api.http.build_request(
        "POST", f"{PREFIX}/track/", content=text, headers={"Content-Type": "text/plain", "Origin": PAGE}
    )
    del request.headers["Authorization"]
    assert (await api.http.send(request)).status_code == 401
    entry = await newest(api)
    assert (entry["key_id"], entry["origin"], entry["reason"]) == (78, PAGE, "unauthenticated")


async def test_a_page_of_another_origin_is_reported(api: Api) -> None:
    answer = await send(api, "track", TRACK, Authorization="ApiKey page", Origin="https://evil.example")
    assert problem(answer) == (403, "origin-not-allowed")
    (entry,) = (await rejections(api, "Bearer owner", limit=1))["results"]
    assert (entry["reason"], entry["origin"]) == ("origin-not-allowed", "https://evil.example")


async def test_nothing_is_listed_for_an_accepted_or_an_unknown_sender(api: Api) -> None:
    before = (await rejections(api))["count"]
    assert (await send(api, "track", TRACK)).status_code == 202
    unknown = new_key(KeyKind.SECRET, SystemIds(SystemClock()))
    for authorization in ("", "ApiKey x", f"ApiKey {unknown}", "Bearer x"):
        assert (await send(api, "track", TRACK, Authorization=authorization)).status_code == 401
    assert (await rejections(api))["count"] == before


async def test_pages_of_rejections(api: Api) -> None:
    for number in range(5):
        await send(api, "track", TRACK, **{"User-Agent": f"page {number}", "Origin": PAGE})
    whole = (await rejections(api))["results"]
    first = await rejections(api, limit=2)
    assert first["results"] == whole[:2]
    assert first["count"] == len(whole)
    following = await api.http.get(first["next"], headers={"Authorization": "ApiKey explorer"})
    assert following.json()["results"] == whole[2:4]
    assert (await rejections(api, page=2, page_size=2))["results"] == whole[2:4]


ROUTES = [("GET", REJECTIONS), ("GET", LETTERS), ("POST", f"{LETTERS}{'0' * 32}/replay/")]
BULK = f"{LETTERS}replay/"
ROUTES += [("POST", BULK), ("POST", PUBLISH)]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("authorization", "query", "expected"),
    [
        ("", {}, (401, "unauthenticated")),
        ("ApiKey reader", {}, (403, "insufficient-scope")),
        ("Bearer both", {"tenant": 8}, (403, "tenant-mismatch")),
        ("Bearer both", {"tenant_slug": "unknown"}, (403, "tenant-mismatch")),
        ("Bearer both", {}, (422, "validation-failed")),
    ],
)
async def test_who_may_call(
    api: Api, method: str, path: str, authorization: str, query: dict[str, Any], expected: tuple[int, str]
) -> None:
    in_body = path in (BULK, PUBLISH)
    answer = await api.http.request(
        method,
        path,
        params={} if in_body else query,
        json=({} if path == BULK else TRACK) | query if in_body else None,
        headers={"Authorization": authorization},
    )
    if method == "POST" and authorization == "Bearer both":
        expected = (403, "insufficient-role")
    assert problem(answer) == expected


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("authorization", ["ApiKey any-page", "Bearer ada"])
async def test_a_publishable_key_and_its_sessions_may_not(api: Api, method: str, path: str, authorization: str) -> None:
    body = {PUBLISH: TRACK, BULK: {}}.get(path)
    answer = await api.http.request(method, path, json=body, headers={"Authorization": authorization})
    of_key = (403, "secret-key-required" if method == "POST" else "insufficient-scope")
    assert problem(answer) == (of_key if authorization.startswith("ApiKey") else (401, "api-key-required"))


async def test_the_tenant_may_be_named_by_its_slug(api: Api) -> None:
    by_slug = await rejections(api, "Bearer both", tenant_slug="thirty-one")
    assert by_slug["count"] == (await rejections(api, "Bearer viewer"))["count"]


def letter(api: Api, number: int, *, code: int = 117, **fields: Any) -> str:
    row = {
        "tenant_id": 31,
        "kind": "track",
        "event_type": "e",
        "user_id": "u",
        "anonymous_id": "",
        "message_id": f"m{number}",
        "timestamp": (SystemClock().now() - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.000"),
        "received_at": "2026-05-20 12:00:00.000",
        "payload": {"card": SECRET},
        "context": {},
        "removed": [],
        **fields,
    }
    return api.letters.add(
        31,
        orjson.dumps(row),
        code=code,
        reason=f"Cannot parse {SECRET}",
        at_ms=1_700_000_000_000 + number,
        message_id=f"m{number}",
        place=(0, number),
    )


async def test_dead_letters_are_read_and_replayed(api: Api) -> None:
    good, bad = letter(api, 1), letter(api, 2, user_id="")
    conflicting = letter(api, 3, code=CONFLICTING)
    reader = await api.http.get(LETTERS, headers={"Authorization": "ApiKey explorer"})
    assert [entry["id"] for entry in reader.json()["results"]] == [conflicting, bad, good]
    assert SECRET not in reader.json()["results"][2]["reason"]
    assert [entry["content"] for entry in reader.json()["results"]] == [None] * 3
    person = await api.http.get(LETTERS, headers={"Authorization": "Bearer viewer"})
    assert person.json()["results"][2]["content"]["payload"] == {"card": SECRET}
    outcomes = []
    for name in (good, good, bad, conflicting):
        answer = await api.http.post(f"{LETTERS}{name}/replay/", headers={"Authorization": "Bearer member"})
        assert answer.status_code == 200
        outcomes.append(answer.json())
    assert [body["outcome"] for body in outcomes] == ["replayed", "replayed", "refused", "conflicting"]
    assert outcomes[0] == outcomes[1]
    assert [error["path"] for error in outcomes[2]["errors"]] == ["user_id"]
    lines = [
        orjson.loads(line)
        for partition in range(EVENTS.partitions)
        for record in await api.log.tail(EVENTS, partition, 100)
        for line in record.value.splitlines()
    ]
    assert [line["message_id"] for line in lines if line["tenant_id"] == 31 and line["message_id"][0] == "m"] == ["m1"]


async def test_many_dead_letters_are_replayed(api: Api) -> None:
    old = {letter(api, number, event_type="many", user_id="" if number == 25 else "u") for number in range(20, 26)}
    letter(api, 30, event_type="other")
    headers = {"Authorization": "Bearer member"}
    body: dict[str, Any] = {"tenant": 31, "event_type": "many", "cause": "warehouse", "limit": 4}
    first = (await api.http.post(BULK, json=body, headers=headers)).json()
    assert (first["replayed"], first["refused"], first["remaining"]) == (3, 1, 2)
    assert [(error["id"] in old, error["path"]) for error in first["errors"]] == [(True, "user_id")]
    body["cursor"] = first["next_cursor"]
    second = (await api.http.post(BULK, json=body, headers=headers)).json()
    assert second == {"replayed": 2, "refused": 0, "errors": [], "remaining": 0, "next_cursor": None}
    none = await api.http.post(BULK, json={"event_type": "many", "cause": "schema"}, headers=headers)
    assert none.json()["replayed"] == 0
    wrongs: list[dict[str, Any]] = [
        {"limit": 0},
        {"limit": 1_001},
        {"cause": "conflict"},
        {"event_type": ""},
        {"types": []},
    ]
    for wrong in wrongs:
        assert problem(await api.http.post(BULK, json=wrong, headers=headers))[0] == 422
    answer = await api.http.post(BULK, json={"cursor": "x"}, headers=headers)
    assert problem(answer) == (400, "invalid-cursor")


@pytest.mark.parametrize(
    ("authorization", "letter_id", "expected"),
    [
        ("Bearer member", "0" * 32, (404, "not-found")),
        ("ApiKey writer", None, (404, "not-found")),
        ("Bearer member", "0", (422, "validation-failed")),
        ("Bearer member", "%00" * 32, (404, "not-found")),
        ("Bearer viewer", "0" * 32, (403, "insufficient-role")),
    ],
)
async def test_letters_that_cannot_be_replayed(
    api: Api, authorization: str, letter_id: str | None, expected: tuple[int, str]
) -> None:
    name = letter_id or letter(api, 9)
    answer = await api.http.post(f"{LETTERS}{name}/replay/", headers={"Authorization": authorization})
    assert problem(answer) == expected


async def test_a_test_event_reaches_the_test_tenant_only(api: Api) -> None:
    member = {"Authorization": "Bearer member"}
    assert problem(await api.http.post(PUBLISH, json=TRACK, headers=member)) == (409, "no-test-tenant")
    api.directory.test_tenants[31] = 32
    body, headers = TRACK | {"tenant": 31}, member | {"Idempotency-Key": "k"}
    answers = [(await api.http.post(PUBLISH, json=body, headers=headers)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [(x["queued"], x["test_tenant"], x["duplicates"]) for x in (a.json() for a in answers)] == [
        (True, 32, 0),
        (True, 32, 1),
    ]
    refused = await api.http.post(PUBLISH, json={"user_id": "u"}, headers=member)
    assert problem(refused) == (422, "validation-failed")
    assert refused.json()["errors"][0]["path"] == "event_type"
    assert problem(await api.http.post(PUBLISH, json=TRACK | {"tenant": "x"}, headers=member))[0] == 422
    assert problem(await api.http.post(PUBLISH, json=[], headers=member))[0] == 422
