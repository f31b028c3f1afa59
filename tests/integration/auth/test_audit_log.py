"""The audit log: every event is recorded, entries cannot be changed, and tampering can be detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from segops_common.stores.postgres import read_session
from tests.integration.auth.harness import SERVICE_TOKEN, AuthHarness, SignedInUser, body_of, problem_of, unique


@pytest.fixture
async def engine(superuser_url: str, auth: AuthHarness) -> AsyncIterator[AsyncEngine]:
    """Connections of the superuser, whom only the trigger stops."""
    engine = create_async_engine(superuser_url)
    yield engine
    await engine.dispose()


def documented_hash(tenant: int, entry: dict[str, Any]) -> str:
    """As the API's documentation says, from what the API answers."""
    at = datetime.fromisoformat(entry["at"]).astimezone(UTC).isoformat(timespec="microseconds")
    covered = [
        entry["previous_hash"],
        tenant,
        entry["number"],
        at,
        entry["actor_id"],
        entry["action"],
        entry["target"],
        entry["details"],
    ]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def whole_log(person: SignedInUser) -> list[dict[str, Any]]:
    """All entries, oldest first, read in parts."""
    entries: list[dict[str, Any]] = []
    cursor = ""
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        part = body_of(await person.request("GET", f"tenants/{person.tenant}/audit-log/", params=params), 200)
        entries += part["results"]
        if part["next_cursor"] is None:
            return entries[::-1]
        cursor = part["next_cursor"]


async def test_the_log_is_read_by_actor_action_target_and_time(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "admin")
    key = await ada.new_key()
    await bob.request("DELETE", f"api-keys/{key['id']}/")

    async def selected(**params: Any) -> list[str]:
        answer = body_of(await ada.request("GET", f"tenants/{ada.tenant}/audit-log/", params=params), 200)
        assert answer["count"] == len(answer["results"])
        return [entry["action"] for entry in answer["results"]]

    everything = await selected()
    assert everything[:2] == ["api_key.revoked", "api_key.created"]
    assert await selected(actor=bob.id, action="api_key.revoked") == ["api_key.revoked"]
    assert await selected(target=f"api_key:{key['id']}") == await selected(target="api_key") == everything[:2]
    assert await selected(since="2020-01-01T00:00:00Z", until="2020-01-02T00:00:00Z") == []
    assert await selected(since="2020-01-01T00:00:00Z") == everything
    path = f"tenants/{ada.tenant}/audit-log/?target=api_key&page_size=1"
    first = body_of(await ada.request("GET", path), 200)
    assert (first["count"], first["next"].partition("?")[2]) == (2, "target=api_key&page_size=1&page=2")
    for wrong in (
        {"action": "tenant.sold"},
        {"actor": "ada"},
        {"actor": "0"},
        {"target": "user:"},
        {"target": "user:\x00"},
        {"target": f"user:{'x' * 257}"},
        {"target": "%"},
        {"since": "yesterday"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
    ):
        refused = await ada.request("GET", f"tenants/{ada.tenant}/audit-log/", params=wrong)
        problem_of(refused, 422, "validation-failed")


async def busy_tenant(auth: AuthHarness) -> SignedInUser:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "member")
    key = await ada.new_key(name='wéb "server" \u2028')
    body_of(await ada.request("POST", f"api-keys/{key['id']}/rotate/"), 200)
    body_of(await ada.request("DELETE", f"api-keys/{key['id']}/"), 204)
    invite = await ada.invite(f"{unique('guest')}@example.com", "viewer")
    body_of(await ada.request("DELETE", f"tenants/{ada.tenant}/invites/{invite['id']}/"), 204)
    body_of(await ada.request("PATCH", f"tenants/{ada.tenant}/members/{bob.id}/", {"role": "viewer"}), 200)
    body_of(await ada.request("PATCH", f"tenants/{ada.tenant}/", {"name": "Renamed"}), 200)
    return ada


async def test_every_act_is_in_the_chain(auth: AuthHarness) -> None:
    ada = await busy_tenant(auth)
    log = await whole_log(ada)
    assert [entry["action"] for entry in log] == [
        "tenant.created",
        "invite.created",
        "invite.accepted",
        "api_key.created",
        "api_key.rotated",
        "api_key.revoked",
        "invite.created",
        "invite.revoked",
        "member.role_changed",
        "tenant.updated",
    ]
    assert [entry["number"] for entry in log] == list(range(1, len(log) + 1))
    previous = "0" * 64
    for entry in log:
        assert entry["previous_hash"] == previous
        assert entry["hash"] == documented_hash(ada.tenant, entry)
        previous = entry["hash"]


async def test_a_refused_act_leaves_no_entry(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    before = await whole_log(ada)
    await ada.request("DELETE", f"tenants/{ada.tenant}/members/{ada.id}/")
    await ada.request("POST", "api-keys/", {"tenant": ada.tenant, "name": "x", "scopes": ["keys:manage"]})
    assert await whole_log(ada) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auth.audit_log SET target = 'x' WHERE tenant_id = :tenant",
        "DELETE FROM auth.audit_log WHERE tenant_id = :tenant",
        "TRUNCATE auth.audit_log",
    ],
)
async def test_the_database_refuses_to_change_entries(auth: AuthHarness, engine: AsyncEngine, statement: str) -> None:
    ada = await auth.sign_up()
    parameters = {"tenant": ada.tenant} if ":tenant" in statement else {}
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(sa.text(statement), parameters)
    assert len(await whole_log(ada)) == 1


async def test_an_entry_changed_behind_the_back_of_the_trigger_is_found(auth: AuthHarness, engine: AsyncEngine) -> None:
    ada = await busy_tenant(auth)
    async with engine.begin() as connection:
        await connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        change = sa.text("UPDATE auth.audit_log SET actor_id = 1 WHERE tenant_id = :tenant AND number = 4")
        await connection.execute(change, {"tenant": ada.tenant})
    broken = [entry["number"] for entry in await whole_log(ada) if entry["hash"] != documented_hash(ada.tenant, entry)]
    assert broken == [4]


async def test_the_head_tells_when_the_end_was_cut_off(auth: AuthHarness, engine: AsyncEngine) -> None:
    ada = await busy_tenant(auth)
    log = await whole_log(ada)
    async with read_session(engine) as session:
        query = sa.text("SELECT audit_number, audit_hash FROM auth.tenants WHERE id = :tenant")
        head = (await session.execute(query, {"tenant": ada.tenant})).one()
    assert tuple(head) == (log[-1]["number"], log[-1]["hash"])


async def test_another_service_appends_what_it_did(auth: AuthHarness) -> None:
    ada = await auth.sign_up()

    async def append(action: str, tenant: int) -> int:
        body = {
            "tenant_id": tenant,
            "actor_id": ada.id,
            "action": action,
            "target": "merge:1",
            "details": {"ids": "2"},
        }
        headers = {"Authorization": f"Service {SERVICE_TOKEN}"}
        return (await auth.client.post("/internal/audit/", json=body, headers=headers)).status_code

    assert await append("identity.merged", ada.tenant) == 204
    entry = (await whole_log(ada))[-1]
    assert (entry["actor_id"], entry["action"], entry["target"]) == (ada.id, "identity.merged", "merge:1")
    assert entry["hash"] == documented_hash(ada.tenant, entry)
    assert await append("identity.invented", ada.tenant) == 422
    assert await append("tenant.created", ada.tenant) == 422, "what auth itself records"
    assert await append("identity.merged", 2**62) == 404
