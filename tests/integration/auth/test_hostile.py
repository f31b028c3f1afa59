"""Bodies and headers that are made to break a server: every route answers 4xx, as documented, with a problem."""

from __future__ import annotations

import httpx
import pytest

from segops_auth.app import openapi_document
from tests.corpus.hostile_bodies import BODIES
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, problem_of, unique
from tests.integration.auth.test_access import ALL, FOR_KEYS, Operation, bearer

WITH_BODY = [operation for operation in ALL if operation.body is not None]
# May be left out altogether.
OPTIONAL_BODY = {"rotateApiKey": {"U1 empty", "null"}}


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
async def test_a_hostile_body_is_refused(auth: AuthHarness, operation: Operation) -> None:
    ada = await auth.sign_up()
    ids = {"tenant_id": ada.tenant, "user_id": ada.id, "invite_id": 1, "key_id": (await ada.new_key())["id"]}
    credential = bearer(ada)
    if operation.id in FOR_KEYS:
        key = await ada.new_key(kind="publishable", allowed_origins=[])
        credential = {"Authorization": f"ApiKey {key['key']}"}
    path = operation.path.format(**ids)
    for name, (body, headers, status) in BODIES.items():
        answer = await auth.client.request(operation.method, path, content=body, headers=headers | credential)
        if name in OPTIONAL_BODY.get(operation.id, ()):
            assert answer.status_code == 200, (name, answer.text)
            continue
        assert answer.status_code == status, (name, answer.text)
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


@pytest.mark.parametrize(
    "tenant", ["tenant=x", "tenant_slug=", "tenant=0", "tenant=9223372036854775808", "tenant=1&tenant=2"]
)
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
