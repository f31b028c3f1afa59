"""API keys: shown once, stored as hashes, replaced with an overlap, revoked at once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.security.api_keys import looks_valid, new_key
from segops_common.security.permissions import KeyKind, Scope
from tests.integration.auth.harness import AuthHarness, body_of, problem_of

ALL_DATA = sorted(
    ["events:read", "events:write", "membership:read", "profiles:read", "segments:read", "segments:write"]
)


async def test_a_key_is_shown_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(name="web server")
    secret = made.pop("key")
    assert made.pop("hmac_secret") is None
    assert looks_valid(secret)
    assert secret.startswith("sk_live_")
    assert (made["prefix"], made["last_four"], made["kind"]) == ("sk_live_", secret[-4:], "secret")
    assert made["scopes"] == ALL_DATA
    assert (made["tenant"], made["created_by"], made["last_used_at"]) == (ada.tenant, ada.id, None)
    listed = await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)})
    assert body_of(listed, 200) == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [made],
        "next_cursor": None,
    }
    assert secret not in listed.text
    assert await auth.introspect(secret) == {
        "active": True,
        "key_id": made["id"],
        "tenant_id": ada.tenant,
        "tenant_slug": ada.slug,
        "kind": "secret",
        "scopes": ALL_DATA,
        "allowed_origins": [],
        "requires_signed_user_id": False,
        "joins_unsigned_ids": True,
        "expires_in_s": None,
    }


async def test_a_publishable_key_only_sends(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable")
    assert made["key"].startswith("pk_live_")
    assert made["scopes"] == ["events:write"]


async def test_a_key_gets_what_was_asked_for(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(scopes=["segments:write", "segments:read", "segments:read"])
    assert made["scopes"] == ["segments:read", "segments:write"]


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [
        ({"scopes": ["keys:manage"]}, 422, "validation-failed"),
        ({"scopes": ["tenant:manage"]}, 422, "validation-failed"),
        ({"scopes": []}, 422, "validation-failed"),
        ({"scopes": ["moon:land"]}, 422, "validation-failed"),
        ({"scopes": "events:write"}, 422, "validation-failed"),
        ({"scopes": None}, 422, "validation-failed"),
        ({"scopes": ["events:write"] * (len(Scope) + 1)}, 422, "validation-failed"),
        ({"kind": "publishable", "scopes": ["membership:read"]}, 422, "validation-failed"),
        ({"kind": "test"}, 422, "validation-failed"),
        ({"name": "x" * 10_000}, 422, "validation-failed"),
        ({"name": ""}, 422, "validation-failed"),
        ({"tenant": "1"}, 422, "validation-failed"),
        ({"tenant": True}, 422, "validation-failed"),
        ({"tenant": 1.0}, 422, "validation-failed"),
        ({"tenant": 0}, 422, "validation-failed"),
        ({"tenant": 2**63}, 422, "validation-failed"),
        ({"key": "sk_live_mine"}, 422, "validation-failed"),
        ({"tenant": 2**62}, 403, "tenant-mismatch"),
    ],
)
async def test_what_is_not_allowed_makes_no_key(
    auth: AuthHarness, change: dict[str, Any], status: int, slug: str
) -> None:
    ada = await auth.sign_up()
    body = {"tenant": ada.tenant, "name": "key"} | change
    problem_of(await ada.request("POST", "api-keys/", body), status, slug)
    assert body_of(await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)}), 200)["results"] == []


async def test_an_admin_cannot_give_what_only_owners_may(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "admin")
    body = {"tenant": ada.tenant, "name": "key", "scopes": ["tenant:manage"]}
    problem_of(await bob.request("POST", "api-keys/", body), 403, "insufficient-role")
    body_of(await bob.request("POST", "api-keys/", body | {"scopes": ["events:read"]}), 201)


async def test_a_tenant_of_others_and_none_are_refused_alike(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    texts = set()
    for tenant in (ada.tenant, 2**62):
        made = await eve.request("POST", "api-keys/", {"tenant": tenant, "name": "key"})
        listed = await eve.request("GET", "api-keys/", params={"tenant": str(tenant)})
        texts |= {problem_of(answer, 403, "tenant-mismatch")["detail"] for answer in (made, listed)}
    assert len(texts) == 1


async def test_a_key_of_others_looks_absent(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    made = await ada.new_key()
    for key_id in (made["id"], 2**62, 0, -1):
        problem_of(await eve.request("DELETE", f"api-keys/{key_id}/"), 404, "not-found")
        problem_of(await eve.request("POST", f"api-keys/{key_id}/rotate/"), 404, "not-found")
    assert (await auth.introspect(made["key"]))["active"]


async def test_a_low_role_in_the_keys_tenant_is_refused(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "member")
    made = await ada.new_key()
    body_of(await bob.request("POST", "tenants/", {"name": "Own", "slug": f"own-{bob.id}"}), 201)
    problem_of(await bob.request("DELETE", f"api-keys/{made['id']}/"), 403, "insufficient-role")
    problem_of(await bob.request("POST", f"api-keys/{made['id']}/rotate/"), 403, "insufficient-role")
    answer = await bob.request("GET", "api-keys/", params={"tenant": str(ada.tenant)})
    problem_of(answer, 403, "insufficient-role")


async def test_a_revoked_key_is_gone(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key()
    body_of(await ada.request("DELETE", f"api-keys/{made['id']}/"), 204)
    assert await auth.introspect(made["key"]) == {
        "active": False,
        "key_id": None,
        "tenant_id": None,
        "tenant_slug": None,
        "kind": None,
        "scopes": [],
        "allowed_origins": [],
        "requires_signed_user_id": False,
        "joins_unsigned_ids": True,
        "expires_in_s": None,
    }
    problem_of(await ada.request("DELETE", f"api-keys/{made['id']}/"), 404, "not-found")
    problem_of(await ada.request("POST", f"api-keys/{made['id']}/rotate/"), 404, "not-found")
    assert body_of(await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)}), 200)["results"] == []


async def is_active(auth: AuthHarness, key: str) -> bool:
    return bool((await auth.introspect(key))["active"])


async def test_a_rotated_key_works_on_for_a_day(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(scopes=["events:read"])
    rotated = body_of(await ada.request("POST", f"api-keys/{made['id']}/rotate/"), 200)
    assert rotated["key"] != made["key"]
    assert (rotated["id"], rotated["scopes"], rotated["last_four"]) == (
        made["id"],
        ["events:read"],
        rotated["key"][-4:],
    )
    ends = datetime.fromisoformat(rotated["previous_key_expires_at"])
    assert ends - auth.clock.now() == timedelta(days=1)
    assert await is_active(auth, made["key"])
    assert await is_active(auth, rotated["key"])
    auth.clock.advance(86_400)
    assert not await is_active(auth, made["key"])
    assert await is_active(auth, rotated["key"])


async def test_without_an_overlap_the_present_secret_ends_at_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key()
    rotated = body_of(await ada.request("POST", f"api-keys/{made['id']}/rotate/", {"overlap_seconds": 0}), 200)
    assert not await is_active(auth, made["key"])
    assert await is_active(auth, rotated["key"])


async def test_a_second_rotation_ends_the_first_secret(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    first = await ada.new_key()
    path = f"api-keys/{first['id']}/rotate/"
    second = body_of(await ada.request("POST", path, {}), 200)
    third = body_of(await ada.request("POST", path, {"overlap_seconds": 60}), 200)
    active = [await is_active(auth, key["key"]) for key in (first, second, third)]
    assert active == [False, True, True]
    body_of(await ada.request("DELETE", f"api-keys/{first['id']}/"), 204)
    assert not any([await is_active(auth, key["key"]) for key in (first, second, third)])


@pytest.mark.parametrize("overlap", [-1, 604_801, "60", 1.5, True, None])
async def test_an_overlap_has_limits(auth: AuthHarness, overlap: object) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key()
    answer = await ada.request("POST", f"api-keys/{made['id']}/rotate/", {"overlap_seconds": overlap})
    problem_of(answer, 422, "validation-failed")
    assert await is_active(auth, made["key"])


@pytest.mark.parametrize("key", ["", "x", "sk_live_", "' OR 1=1 --", "\u2603" * 57, "x" * 100_000])
async def test_what_is_no_key_is_not_active(auth: AuthHarness, key: str) -> None:
    assert not await is_active(auth, key)


async def test_a_well_formed_unknown_key_is_not_active(auth: AuthHarness) -> None:
    assert not await is_active(auth, new_key(KeyKind.SECRET, SystemIds(SystemClock())))


async def test_the_last_use_is_written_once_a_minute(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    used, unused = await ada.new_key(), await ada.new_key()

    async def last_uses() -> dict[int, str | None]:
        listed = body_of(await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)}), 200)["results"]
        return {item["id"]: item["last_used_at"] for item in listed}

    auth.clock.advance(5)
    await auth.introspect(used["key"])
    at = auth.clock.now()
    assert await last_uses() == {used["id"]: None, unused["id"]: None}
    auth.clock.advance(60)
    last_used_at: str | None = None
    for _ in range(250):
        await asyncio.sleep(0.02)
        if (last_used_at := (await last_uses())[used["id"]]) is not None:
            break
    assert datetime.fromisoformat(str(last_used_at)) == at
    assert (await last_uses())[unused["id"]] is None


async def test_keys_are_listed_in_parts(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = [(await ada.new_key(name=f"key {number}"))["id"] for number in range(5)]
    listed: list[int] = []
    cursor = ""
    while True:
        params = {"tenant": str(ada.tenant), "limit": "2"} | ({"cursor": cursor} if cursor else {})
        part = body_of(await ada.request("GET", "api-keys/", params=params), 200)
        listed += [item["id"] for item in part["results"]]
        if part["next_cursor"] is None:
            break
        cursor = part["next_cursor"]
    assert listed == made
