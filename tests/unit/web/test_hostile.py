"""The universal hostile inputs: each is refused, with the right words, and nothing of it comes back."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest
from backports import zstd
from fastapi import FastAPI

from segops_testkit.http import on_port, raw_exchange
from tests.corpus.hostile_bodies import DEEP, ENCODED, MALFORMED, MEDIA, MiB
from tests.unit.web.conftest import KEY, WRITER, Works

JSON = WRITER | {"Content-Type": "application/json"}


def slug(answer: httpx.Response) -> str:
    """The problem's slug; whatever was sent, the refusal is a small and complete problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 16 * 1024
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "errors"}
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer.headers["x-request-id"]
    kind: str = problem["type"].removeprefix("https://segops.dev/problems/")
    return kind


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    return await client.post("/api/things/", content=body, headers=JSON | headers)


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_json_is_a_400(client: httpx.AsyncClient, works: Works, body: bytes) -> None:
    answer = await post(client, body)
    assert (answer.status_code, slug(answer)) == (400, "malformed-json")
    assert works.made == 0


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"name":"a\\u0000b"}', "name"),
        (b'{"name":"a","parts":[{"value":1},{"value":"\\u0000"}]}', "parts[1].value"),
        (b'{"name":"a","x\\u0000":1}', ""),
        (b'"\\u0000"', ""),
    ],
)
async def test_u6_an_escaped_nul_is_named_by_its_path(client: httpx.AsyncClient, body: bytes, path: str) -> None:
    answer = await post(client, body)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert [(fault["path"], fault["code"]) for fault in answer.json()["errors"]] == [(path, "nul-character")]


async def test_u6_an_escaped_backslash_before_u0000_is_no_nul(client: httpx.AsyncClient) -> None:
    assert (await post(client, b'{"name":"\\\\u0000"}')).json()["name"] == "\\u0000"


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
async def test_u7_depth_is_limited(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await post(client, body)
    assert (answer.status_code, slug(answer)) == (400, "too-deep")


async def test_u7_the_deepest_allowed_passes_the_gate(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"name":"a","x":' + b"[" * 23 + b"]" * 23 + b"}")
    assert [fault["path"] for fault in answer.json()["errors"]] == ["x"]
    assert answer.status_code == 422


async def test_brackets_inside_text_are_no_depth(client: httpx.AsyncClient) -> None:
    assert (await post(client, b'{"name":"' + b"[{" * 20 + b'"}')).status_code == 201


async def test_too_many_members_are_refused_before_they_are_looked_at(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"name":"a","parts":[' + b"1," * 100_001 + b"1]}")
    assert (answer.status_code, slug(answer)) == (422, "too-complex")


async def test_u8_a_large_body_is_a_413(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"name":"' + b"a" * 10 * MiB + b'"}')
    assert (answer.status_code, slug(answer)) == (413, "payload-too-large")
    assert answer.headers["connection"] == "close"


async def test_u8_a_large_body_in_chunks_is_not_read_to_its_end(app: FastAPI) -> None:
    head = (
        b"POST /api/things/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer writer\r\nContent-Type: application/json\r\n"
    )
    chunk = b"%x\r\n" % 65536 + b"a" * 65536 + b"\r\n"
    async with on_port(app) as (host, port):
        answer = await raw_exchange(host, port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 160)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"payload-too-large" in answer


async def test_u8_a_length_that_lies_is_not_a_second_request_of_ours(app: FastAPI) -> None:
    head = (
        b"POST /api/things/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer writer\r\nContent-Type: application/json\r\n"
    )
    async with on_port(app) as (host, port):
        answer = await raw_exchange(host, port, head + b'Content-Length: 2\r\n\r\n{}"name":"a"}\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 4")
    assert b" 5" not in answer.split(b"\r\n")[0]


START_OF_POST = b"POST /api/things/ HTTP/1.1\r\nHost: a\r\n"
NOT_HTTP = {
    "unknown method": b"FOO /api/things/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw byte in the query": b"GET /api/things/?name=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw byte in the path": b"GET /api/things/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /api/thi ngs/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /api/things/ HTTP/x\r\nHost: a\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303"),
    "control character": START_OF_POST + b"X: \x01\r\n\r\n",
    "delete": START_OF_POST + b"X: a\x7f\r\n\r\n",
    "NUL": START_OF_POST + b"X: \x00\r\n\r\n",
    "no colon": START_OF_POST + b"X\r\n\r\n",
    "no length": START_OF_POST + b"Content-Length: x\r\n\r\n",
    "two lengths": START_OF_POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "no chunk": START_OF_POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
}


@pytest.mark.parametrize("request_bytes", NOT_HTTP.values(), ids=NOT_HTTP.keys())
async def test_what_is_not_http_is_refused_with_a_problem_document(app: FastAPI, request_bytes: bytes) -> None:
    async with on_port(app) as (host, port):
        raw = await raw_exchange(host, port, request_bytes)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    answer = httpx.Response(int(first.split(" ")[1]), headers=dict(line.split(": ", 1) for line in lines), content=body)
    problem = answer.json()
    assert (answer.status_code, slug(answer)) == (400, "malformed-request")
    assert (problem["errors"], problem["instance"]) == ([], answer.headers["x-request-id"])
    assert (answer.headers["connection"], answer.headers["cache-control"]) == ("close", "no-store")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("encoding", "body", "status", "kind"), ENCODED)
async def test_u9_encodings(client: httpx.AsyncClient, encoding: str, body: bytes, status: int, kind: str) -> None:
    answer = await post(client, body, **{"Content-Encoding": encoding})
    assert (answer.status_code, slug(answer)) == (status, kind)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"name":"a"}', mtime=0)),
        ("gzip", gzip.compress(b'{"name"', mtime=0) + gzip.compress(b':"a"}', mtime=0)),
        ("zstd", zstd.compress(b'{"name":"a"}')),
        ("identity", b'{"name":"a"}'),
    ],
)
async def test_encoded_bodies_are_read(client: httpx.AsyncClient, encoding: str, body: bytes) -> None:
    assert (await post(client, body, **{"Content-Encoding": encoding})).status_code == 201


@pytest.mark.parametrize("medium", MEDIA)
async def test_u10_other_media_types(client: httpx.AsyncClient, medium: str) -> None:
    headers = WRITER | ({"Content-Type": medium} if medium else {})
    answer = await client.post("/api/things/", content=b'{"name":"a"}', headers=headers)
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")


async def test_u10_json_with_a_charset_is_json(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"name":"a"}', **{"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (b"[]", [("", "wrong-type")]),
        (b"null", [("", "wrong-type")]),
        (b'"x"', [("", "wrong-type")]),
        (b'{"name":true}', [("name", "wrong-type")]),
        (b'{"name":"a","parts":[{"value":"1"}]}', [("parts[0].value", "wrong-type")]),
        (b'{"name":"a","parts":[{"value":99}]}', [("parts[0].value", "out-of-range")]),
        (b'{"name":"a","parts":[{"value":18446744073709551616}]}', [("parts[0].value", "out-of-range")]),
        (b'{"name":""}', [("name", "wrong-length")]),
        (b'{"parts":[]}', [("name", "missing")]),
        (b'{"name":"a","is_admin":true}', [("is_admin", "unknown-field")]),
        (b'{"name":"a","__proto__":{}}', [("__proto__", "unknown-field")]),
        (b'{"name":"a","<script>alert(1)</script>":1}', [("", "unknown-field")]),
    ],
)
async def test_u11_wrong_shapes(client: httpx.AsyncClient, body: bytes, faults: list[tuple[str, str]]) -> None:
    answer = await post(client, body)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert [(fault["path"], fault["code"]) for fault in answer.json()["errors"]] == faults


async def test_u11_a_huge_wrong_value_is_not_sent_back(client: httpx.AsyncClient) -> None:
    answer = await post(client, b'{"name":"a","parts":[' + b",".join([b'{"value":"CANARY"}'] * 900) + b"]}")
    assert slug(answer) == "validation-failed"
    assert b"CANARY" not in answer.content


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ([], 401, "unauthenticated"),
        ([("Authorization", "Digest x")], 401, "unauthenticated"),
        ([("Authorization", "Bearer nobody")], 401, "invalid-token"),
        ([("Authorization", "Bearer")], 401, "unauthenticated"),
        ([("Authorization", "Bearer writer"), ("Authorization", "ApiKey key")], 400, "malformed-request"),
    ],
)
async def test_u12_credentials(
    client: httpx.AsyncClient, headers: list[tuple[str, str]], status: int, kind: str
) -> None:
    """The body is not even looked at: it is not JSON."""
    answer = await client.post("/api/things/", content=b"{", headers=headers)
    assert (answer.status_code, slug(answer)) == (status, kind)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_u12_a_header_of_9_kb_is_a_431(app: FastAPI) -> None:
    async with on_port(app) as (host, port):
        answer = await raw_exchange(
            host,
            port,
            b"GET /api/things/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
        )
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/api/things/1/compute/", 405, "POST"),
        ("DELETE", "/api/things/", 405, "GET, POST"),
        ("DELETE", "/api/things", 405, "GET, POST"),
        ("TRACE", "/api/things/", 405, "GET, POST"),
        ("GET", "/nope", 404, None),
        ("GET", "/api//things/", 404, None),
        ("GET", "/api/things//", 404, None),
        ("GET", "/api/%2e%2e/api/things/", 404, None),
        ("GET", "/api/things/%2e/", 404, None),
        ("GET", "/api/things/1%2fcompute/", 404, None),
        ("GET", "/api/things/%00", 404, None),
        ("GET", "/api/things/%ff", 404, None),
        ("GET", "/api/things%5c", 404, None),
        ("GET", "/openapi.json/x", 404, None),
    ],
)
async def test_u13_methods_and_paths(app: FastAPI, method: str, path: str, status: int, allow: str | None) -> None:
    async with on_port(app) as (host, port):
        request = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: ApiKey key\r\n\r\n"
        raw = await raw_exchange(host, port, request.encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert int(head.split(b" ", 2)[1]) == status
    assert headers.get(b"allow", b"").decode().upper() == (allow or "")
    assert (b"not-found" if status == 404 else b"method-not-allowed") in body


@pytest.mark.parametrize("path", ["/api/things/7/", "/api/things/7", "/api/things/documents/plain.json"])
async def test_u13_the_slash_at_the_end_makes_no_difference(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path, headers=KEY)).status_code == 200
    assert (await client.get(path.rstrip("/") + "/", headers=KEY)).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "faults"),
    [
        ("name=%ff%fe", 400, []),
        ("name=%c0%af", 400, []),
        ("name=%00", 422, [("query.name", "nul-character")]),
        ("limit=1&limit=1", 422, [("query.limit", "repeated")]),
        ("limit=0", 422, [("query.limit", "out-of-range")]),
        ("limit=1000000000", 422, [("query.limit", "out-of-range")]),
        ("limit=1e3", 422, [("query.limit", "wrong-type")]),
        ("limit=" + "9" * 5000, 422, [("query.limit", "out-of-range")]),
        ("cursor=" + "a" * 2049, 422, [("query.cursor", "wrong-length")]),
        ("%00=1", 422, [("query", "nul-character")]),
    ],
)
async def test_query_strings(client: httpx.AsyncClient, query: str, status: int, faults: list[tuple[str, str]]) -> None:
    answer = await client.get(f"/api/things/?{query}")
    assert (answer.status_code, slug(answer)) == (status, "validation-failed" if status == 422 else "malformed-query")
    assert [(fault["path"], fault["code"]) for fault in answer.json()["errors"]] == faults


async def test_a_very_long_target_is_a_414(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/things/?name=" + "a" * 9000)
    assert (answer.status_code, slug(answer)) == (414, "uri-too-long")


@pytest.mark.parametrize("number", ["0", "-1", str(2**63), "1e3", "42;drop", "x"])
async def test_path_ids(client: httpx.AsyncClient, number: str) -> None:
    answer = await client.get(f"/api/things/{number}/", headers=KEY)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")
    assert answer.json()["errors"][0]["path"] == "path.thing_id"


async def test_ordinary_queries_are_read_as_ever(client: httpx.AsyncClient) -> None:
    answer: Any = (await client.get("/api/things/?name=%C3%A4+%26%25&limit=3")).json()
    assert answer == {"number": 3, "name": "ä &%"}
