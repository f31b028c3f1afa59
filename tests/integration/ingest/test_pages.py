"""Events from web pages: preflights, who may read the answers, whose pages a key is for, and the key in the body."""

from __future__ import annotations

import gzip
import logging
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.ingest.harness import PAGE, Api
from tests.integration.ingest.test_routes import PATHS, PREFIX, TRACK, newest_row, problem

EVIL = "https://evil.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


async def send(api: Api, key: str, origin: str | None, path: str = "track/") -> httpx.Response:
    """An event with the key in a header, from a page of that origin or from none."""
    headers = {"Authorization": f"ApiKey {key}"} | ({} if origin is None else {"Origin": origin})
    return await api.http.post(f"{PREFIX}/{path}", json=TRACK, headers=headers)


async def send_text(api: Api, body: Any, path: str = "track/", **headers: str) -> httpx.Response:
    """A body as text, without any header that would need a preflight."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    medium = {"Content-Type": "text/plain;charset=UTF-8"}
    request = api.http.build_request("POST", f"{PREFIX}/{path}", content=content, headers=medium | headers)
    if "Authorization" not in headers:
        del request.headers["Authorization"]
    return await api.http.send(request)


def can_be_read(answer: httpx.Response) -> bool:
    """Whether a browser shows a page the answer, when to come back and which request it was."""
    assert "Access-Control-Allow-Credentials" not in answer.headers
    if "Access-Control-Allow-Origin" not in answer.headers:
        return False
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers.get_list("Access-Control-Expose-Headers") == [
        "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"
    ]
    assert "Origin" in answer.headers["Vary"]
    return True


@pytest.mark.parametrize("origin", [PAGE, EVIL, "null", "\xff", ""])
@pytest.mark.parametrize("path", [*PATHS, *(path.rstrip("/") for path in PATHS)])
async def test_a_preflight_needs_no_credential_and_allows_every_page(api: Api, path: str, origin: str) -> None:
    headers = httpx.Headers(ASKS | {"Origin": origin}, encoding="latin-1")
    request = api.http.build_request("OPTIONS", path, headers=headers)
    del request.headers["Authorization"]
    answer = await api.http.send(request)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "content-encoding", "idempotency-key"} <= set(allowed)
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_options_that_are_no_preflight_are_refused(api: Api) -> None:
    for headers in ({}, {"Origin": PAGE}, ASKS):
        answer = await api.http.options(f"{PREFIX}/track/", headers=headers)
        assert problem(answer) == (405, "method-not-allowed")


async def test_only_the_ingestion_calls_are_for_pages(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/"):
        assert not can_be_read(await api.http.get(path, headers={"Origin": PAGE}))
        assert (await api.http.options(path, headers={"Origin": PAGE} | ASKS)).status_code in (404, 405)
    assert not can_be_read(await send(api, "writer", None))


@pytest.mark.parametrize("path", ["track/", "batch/"])
async def test_a_page_reads_every_refusal(api: Api, path: str) -> None:
    async def refusal(**headers: str) -> tuple[int, str]:
        content = headers.pop("content", "{}").encode()
        common = {"Origin": PAGE, "Authorization": "ApiKey page", "Content-Type": "application/json"}
        answer = await api.http.post(f"{PREFIX}/{path}", content=content, headers=common | headers)
        assert can_be_read(answer)
        return problem(answer)

    assert await refusal(Authorization="ApiKey unknown") == (401, "unauthenticated")
    assert await refusal(Origin=EVIL) == (403, "origin-not-allowed")
    assert await refusal(content=" " * ((1 << 20) + 1)) == (413, "payload-too-large")
    assert await refusal(**{"Content-Type": "text/html"}) == (415, "unsupported-media-type")
    assert await refusal() == (422, "validation-failed")
    assert await refusal(content="{") == (400, "malformed-json")
    assert (await refusal(Origin="https://" + "x" * 10_000))[0] == 431
    absent = await api.http.post(f"{PREFIX}/nothing/", headers={"Origin": PAGE})
    assert can_be_read(absent)
    assert problem(absent) == (404, "not-found")


@pytest.mark.parametrize(
    ("key", "origin", "expected"),
    [
        ("page", PAGE, 202),
        ("page", "http://localhost:3000", 202),
        ("page", None, 202),
        ("no-page", None, 202),
        ("any-page", EVIL, 202),
        ("any-page", "null", 202),
        ("writer", None, 202),
        ("page", EVIL, "origin-not-allowed"),
        ("page", "null", "origin-not-allowed"),
        ("page", "", "origin-not-allowed"),
        ("page", PAGE.upper(), "origin-not-allowed"),
        ("page", f"{PAGE}/", "origin-not-allowed"),
        ("page", f"{PAGE}:444", "origin-not-allowed"),
        ("page", f"{PAGE}, {EVIL}", "origin-not-allowed"),
        ("page", "x" * 8_000, "origin-not-allowed"),
        ("no-page", PAGE, "origin-not-allowed"),
        ("writer", PAGE, "secret-key-in-page"),
        ("writer", "null", "secret-key-in-page"),
        ("writer", "", "secret-key-in-page"),
        ("reader", PAGE, "secret-key-in-page"),
    ],
)
async def test_a_key_is_for_its_own_pages(api: Api, key: str, origin: str | None, expected: int | str) -> None:
    answer = await send(api, key, origin)
    assert can_be_read(answer) == (origin is not None)
    if isinstance(expected, int):
        assert answer.status_code == expected
    else:
        assert problem(answer) == (403, expected)
        assert key not in answer.json()["detail"].split()
        assert "x" * 100 not in answer.text


async def test_an_origin_that_is_not_ascii_is_no_page_of_the_key(api: Api) -> None:
    headers = [(b"Authorization", b"ApiKey page"), (b"Origin", "https://b\xfccher.example".encode("latin-1"))]
    answer = await api.http.post(f"{PREFIX}/track/", json=TRACK, headers=headers)
    assert problem(answer) == (403, "origin-not-allowed")


async def test_the_key_may_come_in_the_body(api: Api) -> None:
    answer = await send_text(api, TRACK | {"user_id": "leaving", "api_key": "page"}, Origin=PAGE)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert can_be_read(answer)
    row = await newest_row(api, "leaving")
    assert (row["tenant_id"], row["payload"]) == (7, TRACK["payload"])
    assert "api_key" not in str(row)


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_batch_with_its_key_is_answered_item_by_item(api: Api, encoded: bool) -> None:
    items = [{"type": "track", **TRACK, "user_id": "batched"}, {"type": "track"}, {"type": "track", "api_key": "page"}]
    body = orjson.dumps({"api_key": "page", "batch": items, "sent_at": "2026-05-20T10:00:00Z"})
    headers = {"Content-Encoding": "gzip"} if encoded else {}
    answer = await send_text(api, gzip.compress(body) if encoded else body, "batch/", Origin=PAGE, **headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert [(error["index"], error["code"]) for error in answer.json()["errors"]] == [
        (1, "missing"),
        (2, "unknown-field"),
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("identify/", {"user_id": "u", "traits": {"plan": "pro"}}),
        ("page/", {"anonymous_id": "a", "name": "Pricing"}),
        ("screen", {"anonymous_id": "a"}),
        ("group/", {"user_id": "u", "group_id": "acme"}),
        ("alias/", {"user_id": "u", "previous_id": "a"}),
    ],
)
async def test_every_call_takes_its_key_in_the_body(api: Api, path: str, body: dict[str, Any]) -> None:
    answer = await send_text(api, body | {"api_key": "page"}, path, Origin=PAGE)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("body", "headers", "refused"),
    [
        (TRACK, {}, (401, "unauthenticated")),
        (TRACK | {"api_key": None}, {}, (401, "unauthenticated")),
        (TRACK | {"api_key": ""}, {}, (401, "unauthenticated")),
        (TRACK | {"api_key": "nobody"}, {}, (401, "unauthenticated")),
        (TRACK | {"api_key": "x" * 20_000}, {}, (401, "unauthenticated")),
        (
            TRACK | {"api_key": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
            {},
            (401, "unauthenticated"),
        ),
        ([TRACK], {}, (401, "unauthenticated")),
        (None, {}, (401, "unauthenticated")),
        (TRACK | {"api_key": 5}, {}, (422, "validation-failed")),
        (TRACK | {"api_key": ["page"]}, {}, (422, "validation-failed")),
        (TRACK | {"api_key": {"key": "page"}}, {}, (422, "validation-failed")),
        (TRACK | {"api_key": True}, {}, (422, "validation-failed")),
        (TRACK | {"api_key": "writer"}, {}, (403, "secret-key-in-page")),
        (TRACK | {"api_key": "reader"}, {}, (403, "secret-key-in-page")),
        (TRACK | {"api_key": "writer"}, {"Origin": PAGE}, (403, "secret-key-in-page")),
        (TRACK | {"api_key": "page"}, {"Origin": EVIL}, (403, "origin-not-allowed")),
        (TRACK | {"api_key": "page"}, {"Authorization": "ApiKey page"}, (400, "malformed-request")),
        (TRACK, {"Authorization": "ApiKey page"}, (400, "malformed-request")),
        (b"", {}, (400, "malformed-json")),
        (b'{"api_key":"page"', {}, (400, "malformed-json")),
        (b"[" * 10_000, {}, (400, "too-deep")),
        (b" " * ((1 << 20) + 1), {}, (413, "payload-too-large")),
        (gzip.compress(b" " * (5 << 20)), {"Content-Encoding": "gzip"}, (413, "payload-too-large")),
        ({"api_key": "page", "user_id": "u", "event_type": ""}, {}, (422, "validation-failed")),
        (TRACK | {"api_key": "page"}, {"Idempotency-Key": "k" * 256}, (422, "validation-failed")),
        (TRACK | {"api_key": "page", "payload": {"x": "y" * 33_000}}, {}, (413, "event-too-large")),
    ],
)
async def test_a_text_that_is_refused(
    api: Api, body: Any, headers: dict[str, str], refused: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await send_text(api, body, **headers)
    assert problem(answer) == refused
    assert can_be_read(answer) == ("Origin" in headers)
    assert "x" * 100 not in answer.text + caplog.text


@pytest.mark.parametrize("medium", ["text/plain", "Text/Plain ; charset=utf-8"])
async def test_text_is_known_by_its_medium(api: Api, medium: str) -> None:
    answer = await send_text(api, TRACK | {"api_key": "page"}, **{"Content-Type": medium})
    assert answer.status_code == 202
    answer = await send_text(api, TRACK | {"api_key": "page"}, **{"Content-Type": f"x{medium}"})
    assert problem(answer)[0] == 401


async def test_a_key_in_the_body_of_json_is_no_credential(api: Api) -> None:
    answer = await api.http.post(f"{PREFIX}/track/", json=TRACK | {"api_key": "page"}, headers={"Authorization": ""})
    assert problem(answer)[0] == 401
    twice = await api.http.post(f"{PREFIX}/track/", json=TRACK | {"api_key": "page"})
    assert (problem(twice), twice.json()["errors"][0]["code"]) == ((422, "validation-failed"), "unknown-field")
