"""Tenants for hostile requests: people, keys, and objects that the requests may destroy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from segops_common.security.permissions import KEY_SCOPES, KeyKind
from tests.e2e.hostile.inputs import bad_tokens
from tests.e2e.people import PASSWORD, Person, send, sign_up
from tests.e2e.routes import Operation

DESTRUCTIVE: Final = frozenset(
    {
        "deleteActivation",
        "deleteSchema",
        "deleteSegment",
        "endSession",
        "revokeApiKey",
        "rotateApiKey",
        "updateApiKey",
        "withdrawInvite",
        "removeMember",
        "resendInvite",
        "updateMember",
        "eraseUser",
        "eraseUsers",
        "liftSuppression",
    }
)
"""Operations that get objects of their own: what they change, the other operations use."""
SIGNS_OUT: Final = ("revokeAllTokens", "changePassword", "revokeOtherSessions")
"""Operations that get a tenant of their own."""

LIST_PATH: Final = "{segment_id}/members/"
Credential = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant with an object of each kind. Ids are given by the names of parameters and fields."""

    person: Person
    key: str
    objects: Mapping[str, Any]
    spare: Mapping[str, Any]
    """Objects for destructive operations."""
    static_segment: int
    bad_credentials: Mapping[str, Credential]

    def objects_for(self, operation: Operation) -> dict[str, Any]:
        """Return the objects that a request of the operation names."""
        objects = {**self.objects, **(self.spare if operation.id in DESTRUCTIVE else {})}
        return {**objects, "segment_id": self.static_segment} if operation.path.endswith(LIST_PATH) else objects

    def credential_for(self, operation: Operation) -> Credential:
        """Return a credential with which the operation succeeds, or none for an open operation."""
        if "bearerAuth" in operation.schemes:
            return (("Authorization", f"Bearer {self.person.token}"),)
        return (("Authorization", f"ApiKey {self.key}"),) if operation.schemes else ()


@dataclass(frozen=True, slots=True)
class World:
    """Tenants that send hostile requests, those whose tokens may end, by operation, and one that sends nothing."""

    tenants: tuple[Tenant, ...]
    doomed: Mapping[str, Tenant]
    foreign: Tenant

    def tenant_for(self, operation: Operation, number: int) -> Tenant:
        """Return the sender of a request. Requests rotate, so that no tenant exceeds its rate limits."""
        return self.doomed.get(operation.id) or self.tenants[number % len(self.tenants)]

    def secrets(self) -> set[bytes]:
        """Return what no refusal may show."""
        return {text.encode() for text in self._secrets()}

    def _secrets(self) -> Iterator[str]:
        yield PASSWORD
        for tenant in (*self.tenants, *self.doomed.values(), self.foreign):
            yield from (tenant.key, tenant.person.token)


async def make_world(client: httpx.AsyncClient, tenants: int) -> World:
    """Sign up all tenants and create their objects."""
    async with asyncio.TaskGroup() as group:
        doomed = {operation: group.create_task(_make_tenant(client)) for operation in SIGNS_OUT}
        foreign, *others = [group.create_task(_make_tenant(client)) for _ in range(tenants + 1)]
    return World(
        tuple(task.result() for task in others),
        {operation: task.result() for operation, task in doomed.items()},
        foreign.result(),
    )


async def _make_tenant(client: httpx.AsyncClient) -> Tenant:
    person = await sign_up(client, "hostile")
    key = (await person.new_key(scopes=sorted(KEY_SCOPES[KeyKind.SECRET])))["key"]
    await send(client, key, "track", {"user_id": "ada", "event_type": "purchase", "payload": {"sku": "a"}})
    count = {"type": "event_count", "event_type": "purchase", "operator": "gte", "value": 1}
    segment = await person.new_segment("computed", {"logic": "AND", "conditions": [count]})
    spare = await person.new_segment("spare")
    run = await person.compute(segment)
    static = {"name": "static", "tenant": person.tenant, "segment_type": "static"}
    me = (await person.ask("GET", "/api/auth/me/", 200))["id"]
    merge = {"from_user_id": "user-123", "into_user_id": "user-7", "tenant": person.tenant}
    await person.ask("POST", "/api/identity/merge/", 200, merge)
    export = await person.ask("POST", f"/api/segments/{segment}/export/", 202, {"format": "csv"})
    schema = {"tenant": person.tenant, "event_type": "order_placed", "mode": "warn", "properties": []}
    schema_id = (await person.ask("POST", "/api/schemas/", 201, schema))["id"]
    spare_schema = await person.ask("POST", "/api/schemas/", 201, schema | {"event_type": "spare"})
    erasure = await person.ask(
        "POST", "/api/explorer/erasures/", 202, {"user_ids": ["erased"], "tenant": person.tenant}
    )
    return Tenant(
        person,
        key,
        objects={
            "tenant": person.tenant,
            "tenant_id": person.tenant,
            "segment_id": segment,
            "segment_ids": [segment, spare],
            "segment": segment,
            "activation_id": await _new_activation(person, segment),
            "version": 1,
            "run_id": run["run_id"],
            "export_id": export["export_id"],
            "schema_id": schema_id,
            # Seconds, for streams that would go on for minutes.
            "timeout": 1,
            "letter_id": f"{person.tenant:032x}",
            "session_id": (await person.ask("GET", "/api/auth/sessions/", 200))["results"][0]["id"],
            "user_id": me,
            "erasure_id": erasure["id"],
            "user_ids": ["ada-to-erase"],
        },
        spare={
            "segment_id": spare,
            "activation_id": await _new_activation(person, spare),
            "schema_id": spare_schema["id"],
        }
        | await _spare(person),
        static_segment=(await person.ask("POST", "/api/segments/", 201, static))["id"],
        bad_credentials=await _bad_credentials(person, key),
    )


async def _new_activation(person: Person, segment: int) -> int:
    config = {"url": "https://hooks.example.com/"}
    body = {"tenant": person.tenant, "segment": segment, "connector_type": "webhook", "config": config}
    return int((await person.ask("POST", "/api/activations/", 201, body))["id"])


async def _spare(person: Person) -> dict[str, Any]:
    """Return a key, an invite, a member and a session. The account of the member is the owner of nothing."""
    again = await person.client.post("/api/auth/token/", json={"email": person.email, "password": PASSWORD})
    again.raise_for_status()
    invites = f"/api/auth/tenants/{person.tenant}/invites/"
    member = await sign_up(person.client, "member")
    invite = await person.ask("POST", invites, 201, {"email": member.email, "role": "member"})
    await member.accept(invite["token"])
    return {
        "key_id": (await person.new_key())["id"],
        "session_id": (await person.ask("GET", "/api/auth/sessions/", 200))["results"][0]["id"],
        "invite_id": (await person.ask("POST", invites, 201, {"email": f"x-{member.email}", "role": "viewer"}))["id"],
        "user_id": (await member.ask("GET", "/api/auth/me/", 200))["id"],
    }


async def _bad_credentials(person: Person, key: str) -> Mapping[str, Credential]:
    revoked = await person.new_key()
    await person.ask("DELETE", f"/api/auth/api-keys/{revoked['id']}/", 204)
    values = {**bad_tokens(person.token, key), "revoked": (f"ApiKey {revoked['key']}",)}
    return {name: tuple(("Authorization", value) for value in texts) for name, texts in values.items()}
