"""Bodies and headers that are made to break a server: every route answers 4xx, as documented, with a problem."""

from __future__ import annotations

import gzip

import httpx
import pytest

from segops_auth.app import openapi_document
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, problem_of, unique
from tests.integration.auth.test_access import ALL, Operation, bearer

WITH_BODY = [operation for operation in ALL if operation.body is not None]
JSON = {"Content-Type": "application/json"}

BODIES: dict[str, tuple[bytes, dict[str, str], set[int]]] = {
    "empty": (b"", JSON, {400}),
    "trailing": (b'{"a":1}}', JSON, {400}),
    "comment": (b'{"a":1 /* */}', JSON, {400}),
    "single quotes": (b"{'a':1}", JSON, {400}),
    "byte order mark": (b"\xef\xbb\xbf{}", JSON, {400}),
    "UTF-16": ('{"a":1}'.encode("utf-16"), JSON, {400}),
    "NaN": (b'{"a":NaN}', JSON, {400}),
    "infinite": (b'{"a":1e400}', JSON, {400}),
    "bad UTF-8": (b'{"a":"\xff"}', JSON, {400}),
    "overlong UTF-8": (b'{"a":"\xc0\xaf"}', JSON, {400}),
    "raw NUL": (b'{"a":"\x00"}', JSON, {400}),
    "escaped NUL": (b'{"email":"a\\u0000@example.com"}', JSON, {422}),
    "surrogate": (b'{"email":"\\ud800"}', JSON, {400}),
    "deep": (b"[" * 10_000, JSON, {400}),
    "large": (b'{"a":"' + b"x" * (2 << 20) + b'"}', JSON, {413}),
    "bomb": (gzip.compress(b" " * (64 << 20)), JSON | {"Content-Encoding": "gzip"}, {413}),
    "no gzip": (b"x", JSON | {"Content-Encoding": "gzip"}, {400}),
    "brotli": (b"x", JSON | {"Content-Encoding": "br"}, {415}),
    "text": (b"{}", {"Content-Type": "text/plain"}, {415}),
    "form": (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, {415}),
    "no type": (b"{}", {}, {415}),
    "list": (b"[]", JSON, {422}),
    "null": (b"null", JSON, {422}),
    "text value": (b'"x"', JSON, {422}),
    "wrong types": (b'{"email":true,"password":[],"tenant":"1","name":{},"refresh_token":1,"token":null}', JSON, {422}),
    "unknown fields": (b'{"is_admin":true,"__proto__":{}}', JSON, {422}),
    "huge integers": (b'{"tenant":9223372036854775808,"overlap_seconds":-9223372036854775809}', JSON, {422}),
    "500 unknown fields": (b"{" + b",".join(b'"f%d":1' % number for number in range(500)) + b"}", JSON, {422}),
}
# May be left out altogether.
OPTIONAL_BODY = {"rotateApiKey": {"empty", "null"}}


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_a_hostile_body_is_refused(auth: AuthHarness, operation: Operation) -> None:
    ada = await auth.sign_up()
    ids = {"tenant_id": ada.tenant, "user_id": ada.id, "invite_id": 1, "key_id": (await ada.new_key())["id"]}
    path = operation.path.format(**ids)
    for name, (body, headers, statuses) in BODIES.items():
        answer = await auth.client.request(operation.method, path, content=body, headers=headers | bearer(ada))
        if name in OPTIONAL_BODY.get(operation.id, ()):
            assert answer.status_code == 200, (name, answer.text)
            continue
        assert answer.status_code in statuses, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.content) < 16 * 1024


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_every_refusal_is_documented(operation: Operation) -> None:
    documented = set(openapi_document()["paths"][operation.path][operation.method.lower()]["responses"])
    assert {"400", "422", "503"} <= documented
    if operation.body is not None:
        assert {"413", "415"} <= documented
    if "{" in operation.path:
        assert {"401", "404"} <= documented


HOSTILE_TEXTS = ["'); DROP TABLE auth.accounts; --", "\\", "%s%n", "${jndi:ldap://x}", "{{7*7}}", "\u202e", "a\u0300"]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_a_hostile_name_is_only_a_name(auth: AuthHarness, text: str) -> None:
    ada = await auth.sign_up()
    assert body_of(await ada.request("PATCH", f"tenants/{ada.tenant}/", {"name": text}), 200)["name"] == text
    assert body_of(await ada.request("GET", f"tenants/{ada.tenant}/"), 200)["name"] == text
    assert (await ada.new_key(name=text))["name"] == text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_a_hostile_password_is_only_a_password(auth: AuthHarness, text: str) -> None:
    email, password = f"{unique('hostile')}@example.com", text + PASSWORD
    body = {"email": email, "password": password, "tenant_name": "x", "tenant_slug": unique("h")}
    body_of(await auth.post("signup/", body), 201)
    body_of(await auth.post("token/", {"email": email, "password": password}), 200)
    problem_of(await auth.post("token/", {"email": email, "password": PASSWORD}), 401, "invalid-credentials")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=1001", "limit=1e9", "limit=x", "limit=1&limit=2", "cursor=%00"]
)
async def test_a_hostile_query_is_not_valid(auth: AuthHarness, query: str) -> None:
    ada = await auth.sign_up()
    for path in (f"tenants/{ada.tenant}/members/", f"tenants/{ada.tenant}/audit-log/"):
        answer = await ada.request("GET", f"{path}?{query}")
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("tenant", ["", "tenant=x", "tenant=0", "tenant=9223372036854775808", "tenant=1&tenant=2"])
async def test_a_list_of_keys_is_of_one_tenant(auth: AuthHarness, tenant: str) -> None:
    ada = await auth.sign_up()
    assert (await ada.request("GET", f"api-keys/?{tenant}")).status_code == 422


async def test_other_methods_are_not_allowed(auth: AuthHarness) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE"):
        answer = await auth.client.request(method, "/api/auth/token/")
        problem_of(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/api/auth/", "/api/auth/nothing/", "/api/auth//token/", "/api/auth/%2e%2e/internal/"]
)
async def test_other_paths_are_not_found(auth: AuthHarness, path: str) -> None:
    answer: httpx.Response = await auth.client.post(path, json={})
    problem_of(answer, 404, "not-found")
