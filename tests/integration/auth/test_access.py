"""Every documented route, without a credential, with a wrong one, with too low a role, and with a stranger's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from segops_auth.app import openapi_document
from segops_common.security.permissions import ROLE_SCOPES, Role, Scope
from tests.integration.auth.harness import AuthHarness, SignedInUser, problem_of, unique

PUBLIC = {
    "signUp",
    "createToken",
    "refreshToken",
    "revokeToken",
    "acceptInvite",
    "lookUpInvite",
    "getJwks",
    "checkSlug",
    "getConfig",
    "requestPasswordReset",
    "resetPassword",
    "verifyEmail",
}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    scope: Scope | None
    body: Any

    def __str__(self) -> str:
        return self.id

    async def call(
        self, client: httpx.AsyncClient, ids: dict[str, int], headers: dict[str, str] | list[tuple[str, str]]
    ) -> httpx.Response:
        """The example request, with these ids in the path, in the body and in the query."""
        body = self.body
        if isinstance(body, dict) and "tenant" in body:
            body = body | {"tenant": ids["tenant_id"]}
        query = {"listApiKeys": {"tenant": str(ids["tenant_id"])}, "checkSlug": {"slug": "acme"}}
        path = self.path.format(**ids)
        return await client.request(self.method, path, json=body, params=query.get(self.id), headers=headers)


def operations() -> list[Operation]:
    document = openapi_document()
    operations = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                scope = operation.get("x-required-scope")
                operations.append(
                    Operation(
                        operation["operationId"],
                        method.upper(),
                        path,
                        None if scope is None else Scope(scope),
                        example(document, operation),
                    )
                )
    return operations


def example(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    body = operation.get("requestBody")
    if body is None:
        return None
    schema = body["content"]["application/json"]["schema"]
    name = (schema.get("$ref") or schema["anyOf"][0]["$ref"]).rsplit("/", 1)[-1]
    return document["components"]["schemas"][name]["examples"][0]


ALL = operations()
GUARDED = [operation for operation in ALL if operation.id not in PUBLIC]
FOR_KEYS = {"beginSession"}
FOR_USERS = [operation for operation in GUARDED if operation.id not in FOR_KEYS]
SCOPED = [operation for operation in FOR_USERS if operation.scope is not None]


def bearer(person: SignedInUser) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.tokens['access_token']}"}


async def ids_of(owner: SignedInUser) -> dict[str, int]:
    invite = await owner.invite(f"{unique('guest')}@example.com", "viewer")
    key = await owner.new_key()
    (session,) = (await owner.request("GET", "sessions/")).json()["results"]
    return {
        "tenant_id": owner.tenant,
        "user_id": owner.id,
        "invite_id": invite["id"],
        "key_id": key["id"],
        "session_id": session["id"],
    }


def test_the_public_routes_are_the_ones_that_must_be() -> None:
    document = openapi_document()
    without = {
        item[method]["operationId"]
        for item in document["paths"].values()
        for method in METHODS
        if method in item and item[method]["security"] == []
    }
    assert without == PUBLIC


def test_nothing_internal_is_documented() -> None:
    document = openapi_document()
    assert all(path.startswith("/api/auth/") for path in document["paths"])
    assert "introspect" not in str(document).lower()


@pytest.mark.parametrize("operation", GUARDED, ids=str)
async def test_without_a_good_credential_nothing_is_done(auth: AuthHarness, operation: Operation) -> None:
    ids = {"tenant_id": 1, "user_id": 1, "invite_id": 1, "key_id": 1, "session_id": 1}
    good = (await auth.sign_up()).tokens["access_token"]
    for header in (None, "Basic eDp5", "Bearer x", f"Bearer {good}x", "ApiKey x", f"ApiKey {good}", "Service x"):
        headers = {} if header is None else {"Authorization": header}
        answer = await operation.call(auth.client, ids, headers)
        assert answer.status_code == 401, (header, answer.text)
        assert "Bearer" in answer.headers["www-authenticate"]
        assert answer.headers["content-type"] == "application/problem+json"
    twice = await operation.call(auth.client, ids, [("Authorization", f"Bearer {good}")] * 2)
    assert twice.status_code == 400


@pytest.mark.parametrize("operation", FOR_USERS, ids=str)
async def test_a_key_is_not_a_person(auth: AuthHarness, operation: Operation) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(scopes=["events:read", "segments:write"]))["key"]
    answer = await operation.call(auth.client, await ids_of(ada), {"Authorization": f"ApiKey {key}"})
    problem_of(answer, 401, "access-token-required")


@pytest.mark.parametrize("operation", SCOPED, ids=str)
async def test_too_low_a_role_is_refused(auth: AuthHarness, operation: Operation) -> None:
    assert operation.scope is not None
    ada = await auth.sign_up()
    ids = await ids_of(ada)
    for role in Role:
        if operation.scope not in ROLE_SCOPES[role]:
            person = await auth.join(ada, role.value)
            problem_of(await operation.call(auth.client, ids, bearer(person)), 403, "insufficient-role")


@pytest.mark.parametrize("operation", [item for item in GUARDED if "{" in item.path], ids=str)
async def test_what_is_of_another_tenant_looks_absent(auth: AuthHarness, operation: Operation) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    ids = await ids_of(ada)
    answer = await operation.call(auth.client, ids, bearer(eve))
    nothing = await operation.call(auth.client, {name: 2**62 for name in ids}, bearer(eve))
    assert problem_of(answer, 404, "not-found")["detail"] == problem_of(nothing, 404, "not-found")["detail"]


INTERNAL = (
    "/internal/introspect/",
    "/internal/audit/",
    "/internal/key-owner/",
    "/internal/users/1/memberships/",
    "/internal/tenants/1/test-tenant/",
)


@pytest.mark.parametrize("path", INTERNAL)
async def test_internal_routes_are_for_services(auth: AuthHarness, path: str) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key())["key"]
    for header in (None, f"ApiKey {key}", bearer(ada)["Authorization"], "Service", "Service x", "Bearer x"):
        headers = {} if header is None else {"Authorization": header}
        method = "GET" if "/1/" in path else "POST"
        answer = await auth.client.request(method, path, json={"key": key}, headers=headers)
        assert answer.status_code == 401, answer.text
        assert str(ada.tenant) not in answer.json()["detail"]


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_the_path_without_the_last_slash_is_the_same(auth: AuthHarness, operation: Operation) -> None:
    ids = {"tenant_id": 1, "user_id": 1, "invite_id": 1, "key_id": 1, "session_id": 1}
    path = operation.path.format(**ids)
    answers = [
        await auth.client.request(operation.method, spelled, headers={"Content-Type": "application/json"})
        for spelled in (path, path.rstrip("/"))
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].status_code in (200, 400, 401, 422)
