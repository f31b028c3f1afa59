"""Every route refuses callers without a credential or with too low a role, and shows nothing of another tenant."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from segops_common.security.permissions import KEY_SCOPES, KeyKind, Role, Scope
from tests.e2e.people import Person, sign_up
from tests.e2e.routes import Operation, operations, role_without
from tests.shared.client import RunningStack

SECRET_SCOPES = KEY_SCOPES[KeyKind.SECRET]
OPEN = {
    "signUp",
    "createToken",
    "refreshToken",
    "revokeToken",
    "getJwks",
    "acceptInvite",
    "lookUpInvite",
    "checkSlug",
    "getConfig",
    "requestPasswordReset",
    "resetPassword",
    "verifyEmail",
}
"""Operations without a credential. The auth service's own tests cover them."""

ALL = [operation for operation in operations() if operation.id not in OPEN]
BEARER = [operation for operation in ALL if "bearerAuth" in operation.schemes]
KEYED = [operation for operation in ALL if "apiKeyAuth" in operation.schemes]
NAMES_NO_TENANT = {
    "getMe",
    "changePassword",
    "createTenant",
    "revokeAllTokens",
    "listSessions",
    "revokeOtherSessions",
    "resendVerification",
}
"""Operations on the caller only: they take no tenant."""
STATELESS = {"describeDefinition", "inferSchemas"}
"""Operations whose response depends on the request only, not on stored data."""


def by_id(operation: Operation) -> str:
    return operation.id


@pytest.fixture(scope="module")
async def client(valkey_stack: RunningStack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=valkey_stack.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def canary() -> str:
    """Return a word that is in all data of the second tenant and nowhere else."""
    return f"canary-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
async def victim(client: httpx.AsyncClient, canary: str) -> Person:
    return await sign_up(client, canary)


@pytest.fixture(scope="module")
async def objects(victim: Person, canary: str) -> dict[str, Any]:
    """Create one object of each kind in the second tenant; return the ids by the names of path parameters."""
    definition = {
        "logic": "AND",
        "conditions": [{"type": "event_count", "event_type": canary, "operator": "gte", "value": 1}],
    }
    segment = await victim.new_segment(canary, definition)
    key = await victim.new_key(name=canary)
    answer = await victim.client.post(
        "/api/ingestion/track/",
        json={"user_id": canary, "event_type": canary},
        headers={"Authorization": f"ApiKey {key['key']}"},
    )
    assert answer.status_code == 202
    run = await victim.compute(segment)
    me = await victim.ask("GET", "/api/auth/me/", 200)
    invite = await victim.ask(
        "POST", f"/api/auth/tenants/{victim.tenant}/invites/", 201, {"email": f"{canary}@example.com", "role": "viewer"}
    )
    config = {"url": f"https://{canary}.example.com/"}
    activation = {"tenant": victim.tenant, "segment": segment, "connector_type": "webhook", "config": config}
    activation = await victim.ask("POST", "/api/activations/", 201, activation)
    export = await victim.ask("POST", f"/api/segments/{segment}/export/", 202, {"format": "csv"})
    schema = {"event_type": canary, "properties": [{"name": canary, "type": "string"}]}
    erasing = {"user_ids": [f"erased-{canary}"], "tenant": victim.tenant}
    erasure = await victim.ask("POST", "/api/explorer/erasures/", 202, erasing)
    return {
        "tenant": victim.tenant,
        "schema_id": (await victim.ask("POST", "/api/schemas/", 201, schema))["id"],
        "tenant_id": victim.tenant,
        "export_id": export["export_id"],
        "activation_id": activation["id"],
        "segment": segment,
        "erasure_id": erasure["id"],
        "timeout": 1,
        "segment_id": segment,
        "version": 1,
        "run_id": run["run_id"],
        "key_id": key["id"],
        "user_id": me["id"],
        "invite_id": invite["id"],
        "letter_id": "0" * 32,
        "session_id": (await victim.ask("GET", "/api/auth/sessions/", 200))["results"][0]["id"],
    }


@pytest.fixture(scope="module")
async def attacker(client: httpx.AsyncClient) -> Person:
    return await sign_up(client, "attacker")


@pytest.fixture(scope="module")
async def staff(client: httpx.AsyncClient, victim: Person) -> dict[Role, Person]:
    """Return a member of the second tenant for each role below owner."""
    staff = {}
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        person = await sign_up(client, f"staff-{role.value}")
        invite = await victim.ask(
            "POST", f"/api/auth/tenants/{victim.tenant}/invites/", 201, {"email": person.email, "role": role.value}
        )
        await person.accept(invite["token"])
        staff[role] = person
    return staff


async def snapshot(victim: Person, objects: dict[str, Any]) -> list[Any]:
    """Return what the second tenant sees of its own objects."""
    tenant = victim.tenant
    return [
        await victim.ask("GET", path, 200)
        for path in (
            f"/api/segments/{objects['segment_id']}/",
            f"/api/segments/?tenant={tenant}",
            f"/api/segments/{objects['segment_id']}/runs/",
            f"/api/segments/{objects['segment_id']}/versions/",
            f"/api/schemas/{objects['schema_id']}/",
            f"/api/schemas/?tenant={tenant}",
            f"/api/auth/tenants/{tenant}/",
            f"/api/auth/tenants/{tenant}/members/",
            f"/api/auth/tenants/{tenant}/invites/",
        )
    ]


async def call(
    client: httpx.AsyncClient, operation: Operation, objects: dict[str, Any], headers: dict[str, str]
) -> httpx.Response:
    path, query, body = operation.request(objects)
    return await client.request(operation.method.upper(), path, params=query, json=body, headers=headers)


@pytest.mark.parametrize("operation", ALL, ids=by_id)
async def test_nobody_without_a_credential(
    client: httpx.AsyncClient, objects: dict[str, Any], operation: Operation
) -> None:
    assert operation.schemes
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": f"ApiKey sk_live_{'0' * 49}"}):
        answer = await call(client, operation, objects, headers)
        assert answer.status_code == 401, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_open_routes_are_the_known_ones() -> None:
    assert {operation.id for operation in operations() if not operation.schemes} == OPEN


def test_every_other_route_names_its_scope_or_concerns_the_caller_alone() -> None:
    any_role = {"getTenant", "listMembers", "removeMember", "endSession"}
    assert {operation.id for operation in ALL if operation.scope is None} == NAMES_NO_TENANT | any_role


@pytest.mark.parametrize("operation", [o for o in BEARER if o.scope and role_without(o.scope)], ids=by_id)
async def test_a_role_without_the_scope_is_refused(
    client: httpx.AsyncClient, objects: dict[str, Any], staff: dict[Role, Person], operation: Operation
) -> None:
    assert operation.scope is not None
    role = role_without(operation.scope)
    assert role is not None
    answer = await call(client, operation, objects, staff[role].bearer)
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("operation", KEYED, ids=by_id)
async def test_a_key_without_the_scope_is_refused(
    client: httpx.AsyncClient, victim: Person, objects: dict[str, Any], operation: Operation
) -> None:
    needed = operation.scope or Scope.EVENTS_WRITE
    key = await victim.new_key(scopes=sorted(scope.value for scope in SECRET_SCOPES - {needed}))
    answer = await call(client, operation, objects, {"Authorization": f"ApiKey {key['key']}"})
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("operation", [o for o in KEYED if o.scope is not Scope.EVENTS_WRITE], ids=by_id)
async def test_a_publishable_key_reads_nothing(
    client: httpx.AsyncClient, victim: Person, objects: dict[str, Any], canary: str, operation: Operation
) -> None:
    key = await victim.new_key(kind="publishable", allowed_origins=["*"])
    answer = await call(client, operation, objects, {"Authorization": f"ApiKey {key['key']}"})
    assert answer.status_code == 403, answer.text
    assert canary not in answer.text


@pytest.mark.parametrize("operation", [o for o in BEARER if o.id not in {*NAMES_NO_TENANT, *STATELESS}], ids=by_id)
async def test_a_person_reaches_nothing_of_another_tenant(
    client: httpx.AsyncClient,
    attacker: Person,
    victim: Person,
    objects: dict[str, Any],
    canary: str,
    operation: Operation,
) -> None:
    before = await snapshot(victim, objects)
    answer = await call(client, operation, objects, attacker.bearer)
    assert answer.status_code in (403, 404), answer.text
    assert canary not in answer.text
    assert await snapshot(victim, objects) == before


@pytest.mark.parametrize("operation", KEYED, ids=by_id)
async def test_a_key_reaches_nothing_of_another_tenant(
    client: httpx.AsyncClient,
    attacker: Person,
    victim: Person,
    objects: dict[str, Any],
    canary: str,
    operation: Operation,
) -> None:
    key = await attacker.new_key(scopes=sorted(scope.value for scope in SECRET_SCOPES))
    before = await snapshot(victim, objects)
    answer = await call(client, operation, objects | {"user_id": canary}, {"Authorization": f"ApiKey {key['key']}"})
    assert answer.status_code < 500
    assert canary not in answer.text.replace(f'"user_id":"{canary}"', "")
    assert await snapshot(victim, objects) == before


async def test_the_same_user_id_is_another_user_in_another_tenant(
    client: httpx.AsyncClient, attacker: Person, objects: dict[str, Any], canary: str
) -> None:
    key = await attacker.new_key()
    answer = await client.get(
        "/api/segments/membership/",
        params={"user_id": canary},
        headers={"Authorization": f"ApiKey {key['key']}"},
    )
    assert answer.json()["segment_ids"] == []


async def test_an_unknown_tenant_and_a_foreign_one_look_alike(attacker: Person, victim: Person) -> None:
    body = {"name": "x", "segment_type": "rule"}
    foreign = await attacker.ask("POST", "/api/segments/", 403, body | {"tenant": victim.tenant})
    unknown = await attacker.ask("POST", "/api/segments/", 403, body | {"tenant": 2**40})
    assert foreign | {"instance": ""} == unknown | {"instance": ""}


async def test_a_removed_member_is_out_long_before_answers_grow_old(client: httpx.AsyncClient, victim: Person) -> None:
    person = await sign_up(client, "leaver")
    invite = await victim.ask(
        "POST", f"/api/auth/tenants/{victim.tenant}/invites/", 201, {"email": person.email, "role": "member"}
    )
    await person.accept(invite["token"])
    await person.ask("GET", f"/api/segments/?tenant={victim.tenant}", 200)
    me = await person.ask("GET", "/api/auth/me/", 200)
    await victim.ask("DELETE", f"/api/auth/tenants/{victim.tenant}/members/{me['id']}/", 204)
    async with asyncio.timeout(5):
        while (await client.get(f"/api/segments/?tenant={victim.tenant}", headers=person.bearer)).status_code != 403:
            await asyncio.sleep(0.05)
