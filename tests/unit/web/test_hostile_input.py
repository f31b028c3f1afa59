"""Input that breaks naive servers: each row is answered by its problem, never by a 5xx, and never echoed."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from segops_common.web.body import parse_json
from tests.unit.web.small_app import small_app

JSON = "application/json"
OWNER = "Bearer owner"
THING = b'{"name": "lamp"}'


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = small_app()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


@dataclass(frozen=True)
class Row:
    """One request, and what it is answered."""

    name: str
    status: int
    slug: str
    body: bytes = THING
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    url: str = "/api/things/"
    path: str | None = None


BODIES = [
    Row("empty", 400, "malformed-json", b""),
    Row("trailing brace", 400, "malformed-json", b'{"name":"a"}}'),
    Row("comment", 400, "malformed-json", b'{"name":"a"} // x'),
    Row("single quotes", 400, "malformed-json", b"{'name':'a'}"),
    Row("byte order mark", 400, "malformed-json", b"\xef\xbb\xbf" + THING),
    Row("UTF-16", 400, "malformed-json", THING.decode().encode("utf-16")),
    Row("NaN", 400, "malformed-json", b'{"name":"a","size":NaN}'),
    Row("Infinity", 400, "malformed-json", b'{"name":"a","size":Infinity}'),
    Row("beyond a double", 400, "malformed-json", b'{"name":"a","size":1e400}'),
    Row("400 digits", 400, "malformed-json", b'{"name":"a","size":' + b"9" * 400 + b"}"),
    Row("invalid UTF-8", 400, "malformed-json", b'{"name":"\xff"}'),
    Row("overlong UTF-8", 400, "malformed-json", b'{"name":"\xc0\xaf"}'),
    Row("raw NUL", 400, "malformed-json", b'{"name":"\x00"}'),
    Row("lone surrogate", 400, "malformed-json", b'{"name":"\\ud800"}'),
    Row("NUL in a value", 422, "nul-character", b'{"name":"a\\u0000b"}', path="name"),
    Row("NUL in a key", 422, "nul-character", b'{"name":"a","labels":{"\\u0000":"x"}}', path="labels"),
    Row("10,000 brackets", 400, "too-deep", b"[" * 10_000),
    Row("a megabyte of brackets", 400, "too-deep", b"[" * (1 << 20)),
    Row("17 levels", 400, "too-deep", b'{"name":' + b"[" * 16 + b"]" * 16 + b"}"),
    Row("10 MB", 413, "payload-too-large", b'"' + b"x" * (10 << 20) + b'"'),
    Row("a list", 422, "validation-failed", b"[]"),
    Row("null", 422, "validation-failed", b"null"),
    Row("a text", 422, "validation-failed", b'"x"'),
    Row("true for a text", 422, "validation-failed", b'{"name":true}', path="name"),
    Row("a text for a number", 422, "validation-failed", b'{"name":"a","size":"1"}', path="size"),
    Row("an unknown field", 422, "validation-failed", b'{"name":"a","__proto__":1}', path="__proto__"),
]
ENCODINGS = [
    Row("gzip bomb", 413, "payload-too-large", gzip.compress(b"0" * (64 << 20)), {"content-encoding": "gzip"}),
    Row("not gzip", 400, "malformed-encoding", THING, {"content-encoding": "gzip"}),
    Row("half a gzip", 400, "malformed-encoding", gzip.compress(THING)[:-6], {"content-encoding": "gzip"}),
    Row("two gzips", 400, "malformed-encoding", gzip.compress(THING) * 2, {"content-encoding": "gzip"}),
    Row("unknown encoding", 415, "unsupported-encoding", THING, {"content-encoding": "br"}),
    Row("plain text", 415, "unsupported-media-type", THING, {"content-type": "text/plain"}),
    Row("a form", 415, "unsupported-media-type", b"name=a", {"content-type": "application/x-www-form-urlencoded"}),
    Row("multipart", 415, "unsupported-media-type", THING, {"content-type": "multipart/form-data; boundary=x"}),
    Row("no type", 415, "unsupported-media-type", THING, {"content-type": ""}),
]
CALLERS = [
    Row("no credential", 401, "unauthenticated", headers={"authorization": ""}),
    Row("wrong scheme", 401, "unauthenticated", headers={"authorization": "Basic b3duZXI6"}),
    Row("no credential and a broken body", 401, "unauthenticated", b"{", {"authorization": ""}),
    Row("a key without the scope", 403, "insufficient-scope", headers={"authorization": "ApiKey reader"}),
    Row("a role without the scope", 403, "insufficient-role", headers={"authorization": "Bearer viewer"}),
    Row("somebody else's tenant", 403, "tenant-mismatch", headers={"authorization": "Bearer stranger"}),
]
ADDRESSES = [
    Row("wrong method", 405, "method-not-allowed", method="PUT"),
    Row("TRACE", 405, "method-not-allowed", method="TRACE"),
    Row("unknown path", 404, "not-found", url="/api/other/"),
    Row("double slash", 404, "not-found", url="/api//things/"),
    Row("encoded dots", 404, "not-found", url="/api/%2e%2e/things/"),
    Row("encoded NUL", 404, "not-found", url="/api/things/%00/"),
    Row("encoded slash", 404, "not-found", url="/api/things/1%2fpoke/"),
    Row("id of zero", 422, "validation-failed", url="/api/things/0/poke/", path="path.thing_id"),
    Row("id beyond 64 bit", 422, "validation-failed", url=f"/api/things/{2**63}/poke/", path="path.thing_id"),
    Row("id in words", 422, "validation-failed", url="/api/things/42;drop/poke/", path="path.thing_id"),
    Row("query not UTF-8", 400, "malformed-query", method="GET", url="/api/things/?q=%ff%fe"),
    Row("NUL in the query", 422, "nul-character", method="GET", url="/api/things/?q=%00"),
    Row("twice the same", 422, "validation-failed", method="GET", url="/api/things/?q=a&q=b", path="query.q"),
    Row("limit of zero", 422, "validation-failed", method="GET", url="/api/things/?limit=0", path="query.limit"),
    Row("limit too high", 422, "validation-failed", method="GET", url="/api/things/?limit=1001", path="query.limit"),
    Row("a failure inside", 500, "internal-error", method="GET", url="/api/things/broken/"),
    Row("a dependency is away", 503, "upstream-unavailable", method="GET", url="/api/things/away/"),
]


@pytest.mark.parametrize("row", [*BODIES, *ENCODINGS, *CALLERS, *ADDRESSES], ids=lambda row: row.name)
async def test_each_is_answered_by_its_problem(client: httpx.AsyncClient, row: Row) -> None:
    headers = {"content-type": JSON, "authorization": OWNER} | row.headers
    answer = await client.request(row.method, row.url, content=row.body, headers=headers)
    assert answer.status_code == row.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 16 * 1024
    problem = answer.json()
    assert problem["type"] == f"https://segops.dev/problems/{row.slug}"
    assert problem["status"] == row.status
    assert problem["instance"] == answer.headers["x-request-id"] != ""
    assert "secret reason" not in answer.text
    if row.path is not None:
        assert row.path in [fault["path"] for fault in problem["errors"]]
    if row.status == 401:
        assert "Bearer" in answer.headers["www-authenticate"]
    if row.status == 405:
        assert "POST" in answer.headers["allow"]
    if row.status == 503:
        assert answer.headers["retry-after"] == "3"


async def test_two_credentials_are_refused(client: httpx.AsyncClient) -> None:
    headers = [("content-type", JSON), ("authorization", OWNER), ("authorization", "Bearer viewer")]
    answer = await client.post("/api/things/", content=THING, headers=headers)
    assert answer.status_code == 400


async def test_a_long_chunked_body_is_given_up_early(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1 << 16
            yield b"x" * (1 << 16)

    answer = await client.post(
        "/api/things/", content=endless(), headers={"content-type": JSON, "authorization": OWNER}
    )
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert sent <= (1 << 20) + (1 << 17)


@pytest.mark.parametrize("url", ["/api/things/", "/api/things"])
async def test_a_path_is_served_with_and_without_its_slash(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post(url, content=THING, headers={"content-type": JSON, "authorization": OWNER})
    assert (answer.status_code, answer.json()["name"]) == (201, "lamp")


async def test_an_optional_body_may_be_absent_or_compressed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/things/7/poke")).json()["name"] == "7"
    packed = {"content-type": JSON, "content-encoding": "gzip"}
    answer = await client.post("/api/things/7/poke", content=gzip.compress(THING), headers=packed)
    assert answer.json()["name"] == "lamp"


async def test_faults_are_named_without_quoting_the_input(client: httpx.AsyncClient) -> None:
    body = b'{"name": "' + b"hunter2" * 1000 + b'", "size": "hunter2"}'
    answer = await client.post("/api/things/", content=body, headers={"content-type": JSON, "authorization": OWNER})
    assert answer.status_code == 422
    assert {fault["path"] for fault in answer.json()["errors"]} == {"name", "size"}
    assert "hunter2" not in answer.text


SURROGATES = [
    (b'"\\ud800"', "\ufffd"),
    (b'"\\udc00x"', "\ufffdx"),
    (b'"\\ud83d\\ude00"', "\U0001f600"),
    (b'"\\ud83d\\ud83d\\ude00"', "\ufffd\U0001f600"),
    (b'"\\\\ud800\\ud800"', "\\ud800\ufffd"),
]


@pytest.mark.parametrize(("body", "text"), SURROGATES)
def test_a_cut_emoji_is_repaired_where_asked_for(body: bytes, text: str) -> None:
    assert parse_json(body, repair_surrogates=True) == text
