"""Tenants and their members."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.auth.harness import AuthHarness, body_of, problem_of, unique


async def test_a_person_may_have_more_tenants(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    slug = unique("second")
    answer = await ada.request("POST", "tenants/", {"name": "Second", "slug": slug})
    made = body_of(answer, 201)
    assert answer.headers["location"] == f"/api/auth/tenants/{made['id']}/"
    assert body_of(await ada.request("GET", f"tenants/{made['id']}/"), 200) == made
    assert await auth.roles(ada.id) == {ada.tenant: "owner", made["id"]: "owner"}
    problem_of(await ada.request("POST", "tenants/", {"name": "Third", "slug": slug}), 409, "slug-taken")


async def test_an_owner_renames(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    slug = unique("renamed")
    path = f"tenants/{ada.tenant}/"
    assert body_of(await ada.request("PATCH", path, {"name": "New"}), 200)["name"] == "New"
    changed = body_of(await ada.request("PATCH", path, {"slug": slug}), 200)
    assert (changed["name"], changed["slug"]) == ("New", slug)
    log = body_of(await ada.request("GET", f"{path}audit-log/"), 200)["results"]
    assert log[0]["details"]["slug_to"] == slug
    body_of(await ada.request("PATCH", path, {"slug": slug}), 200)
    assert len(body_of(await ada.request("GET", f"{path}audit-log/"), 200)["results"]) == len(log), (
        "nothing was changed"
    )
    other = await auth.sign_up()
    problem_of(await other.request("PATCH", f"tenants/{other.tenant}/", {"slug": slug}), 409, "slug-taken")


@pytest.mark.parametrize("body", [{}, {"name": None}, {"slug": None}, {"name": ""}, {"id": 7}, {"slug": "admin"}])
async def test_a_change_must_say_something_valid(auth: AuthHarness, body: dict[str, object]) -> None:
    ada = await auth.sign_up()
    problem_of(await ada.request("PATCH", f"tenants/{ada.tenant}/", body), 422, "validation-failed")


async def test_the_keys_of_a_test_tenant_show_it(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    wish = {"name": "Tests", "slug": unique("tests"), "is_test": True}
    made = body_of(await ada.request("POST", "tenants/", wish), 201)
    assert made["is_test"]
    assert {item["id"]: item["is_test"] for item in body_of(await ada.request("GET", "me/"), 200)["tenants"]} == {
        ada.tenant: False,
        made["id"]: True,
    }
    assert (await ada.new_key())["prefix"] == "sk_live_"
    for kind, prefix in (("secret", "sk_test_"), ("publishable", "pk_test_")):
        key = body_of(await ada.request("POST", "api-keys/", {"tenant": made["id"], "name": "ci", "kind": kind}), 201)
        rotated = body_of(await ada.request("POST", f"api-keys/{key['id']}/rotate/", {}), 200)
        for item in (key, rotated):
            assert item["prefix"] == prefix
            assert item["key"].startswith(prefix)
            assert (await auth.introspect(item["key"]))["tenant_id"] == made["id"]


async def test_a_tenant_stays_live_or_test(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    problem_of(await ada.request("PATCH", f"tenants/{ada.tenant}/", {"is_test": True}), 422, "validation-failed")
    for no_answer in ("true", 1, None):
        wish = {"name": "Tests", "slug": unique("tests"), "is_test": no_answer}
        problem_of(await ada.request("POST", "tenants/", wish), 422, "validation-failed")
    assert not body_of(await ada.request("GET", f"tenants/{ada.tenant}/"), 200)["is_test"]


async def test_a_tenant_of_others_looks_absent(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    details = set()
    for tenant in (ada.tenant, 2**62, 0, -1):
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "x"}),
            ("GET", "members/", None),
            ("PATCH", f"members/{ada.id}/", {"role": "viewer"}),
            ("DELETE", f"members/{ada.id}/", None),
            ("GET", "invites/", None),
            ("POST", "invites/", {"email": "x@example.com", "role": "viewer"}),
            ("DELETE", "invites/1/", None),
            ("GET", "audit-log/", None),
        ):
            details.add(
                problem_of(await eve.request(method, f"tenants/{tenant}/{path}", body), 404, "not-found")["detail"]
            )
    assert len(details) == 1
    assert body_of(await ada.request("GET", f"tenants/{ada.tenant}/members/"), 200)["results"][0]["role"] == "owner"


@pytest.mark.parametrize("tenant", ["9223372036854775808", "1e3", "42;drop", "0x10", "-", "1.5", "%20"])
async def test_what_is_no_id_is_not_valid(auth: AuthHarness, tenant: str) -> None:
    ada = await auth.sign_up()
    answer = await ada.request("GET", f"tenants/{tenant}/")
    assert answer.status_code == 422, answer.text


async def test_members_are_listed_in_parts(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    people = [ada, *[await auth.join(ada, role) for role in ("admin", "member", "viewer", "owner")]]
    listed = []
    cursor = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        part = body_of(await people[3].request("GET", f"tenants/{ada.tenant}/members/", params=params), 200)
        listed += [(item["user_id"], item["role"]) for item in part["results"]]
        assert len(part["results"]) <= 2
        cursor = part["next_cursor"]
        if cursor is None:
            break
    roles = ("owner", "admin", "member", "viewer", "owner")
    assert listed == [(person.id, role) for person, role in zip(people, roles, strict=True)]


@pytest.mark.parametrize("cursor", ["x", "WzFd0", "WyJhIl0", "WzEsMl0", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "Wy0xXQ"])
async def test_a_made_up_cursor_is_refused(auth: AuthHarness, cursor: str) -> None:
    ada = await auth.sign_up()
    for path in ("members/", "invites/", "audit-log/"):
        answer = await ada.request("GET", f"tenants/{ada.tenant}/{path}", params={"cursor": cursor})
        problem_of(answer, 400, "invalid-cursor")


async def test_a_new_role_counts_at_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "viewer")
    path = f"tenants/{ada.tenant}/members/{bob.id}/"
    problem_of(await bob.request("GET", f"tenants/{ada.tenant}/invites/"), 403, "insufficient-role")
    assert body_of(await ada.request("PATCH", path, {"role": "admin"}), 200)["role"] == "admin"
    body_of(await bob.request("GET", f"tenants/{ada.tenant}/invites/"), 200)
    body_of(await ada.request("DELETE", path), 204)
    problem_of(await bob.request("GET", f"tenants/{ada.tenant}/"), 404, "not-found")
    problem_of(await ada.request("DELETE", path), 404, "not-found")
    problem_of(await ada.request("PATCH", path, {"role": "viewer"}), 404, "not-found")
    assert await auth.roles(bob.id) == {}
    log = body_of(await ada.request("GET", f"tenants/{ada.tenant}/audit-log/"), 200)["results"]
    assert [entry["action"] for entry in log[:2]] == ["member.removed", "member.role_changed"]
    assert log[1]["details"] == {"from": "viewer", "to": "admin"}


async def test_an_admin_does_not_reach_owners(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "admin")
    carol = await auth.join(ada, "member")
    members = f"tenants/{ada.tenant}/members"
    problem_of(await bob.request("PATCH", f"{members}/{ada.id}/", {"role": "viewer"}), 403, "insufficient-role")
    problem_of(await bob.request("DELETE", f"{members}/{ada.id}/"), 403, "insufficient-role")
    problem_of(await bob.request("PATCH", f"{members}/{bob.id}/", {"role": "owner"}), 403, "insufficient-role")
    problem_of(await bob.request("PATCH", f"{members}/{carol.id}/", {"role": "owner"}), 403, "insufficient-role")
    body_of(await bob.request("PATCH", f"{members}/{carol.id}/", {"role": "admin"}), 200)
    body_of(await bob.request("DELETE", f"{members}/{carol.id}/"), 204)


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
async def test_anybody_may_leave(auth: AuthHarness, role: str) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, role)
    body_of(await bob.request("DELETE", f"tenants/{ada.tenant}/members/{bob.id}/"), 204)
    assert await auth.roles(bob.id) == {}


async def test_the_last_owner_stays(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    path = f"tenants/{ada.tenant}/members/{ada.id}/"
    problem_of(await ada.request("DELETE", path), 409, "last-owner")
    problem_of(await ada.request("PATCH", path, {"role": "admin"}), 409, "last-owner")
    body_of(await ada.request("PATCH", path, {"role": "owner"}), 200)
    grace = await auth.join(ada, "owner")
    body_of(await grace.request("PATCH", path, {"role": "admin"}), 200)
    problem_of(await grace.request("DELETE", f"tenants/{ada.tenant}/members/{grace.id}/"), 409, "last-owner")


async def test_two_owners_cannot_leave_at_the_same_time(auth: AuthHarness) -> None:
    for _ in range(5):
        ada = await auth.sign_up()
        grace = await auth.join(ada, "owner")
        members = f"tenants/{ada.tenant}/members"
        answers = await asyncio.gather(
            ada.request("DELETE", f"{members}/{ada.id}/"), grace.request("DELETE", f"{members}/{grace.id}/")
        )
        assert sorted(answer.status_code for answer in answers) == [204, 409]


@pytest.mark.parametrize("body", [{"role": "emperor"}, {"role": None}, {"role": ["owner"]}, {}, {"role": "OWNER"}])
async def test_an_unknown_role_is_not_valid(auth: AuthHarness, body: dict[str, object]) -> None:
    ada = await auth.sign_up()
    problem_of(await ada.request("PATCH", f"tenants/{ada.tenant}/members/{ada.id}/", body), 422, "validation-failed")


async def test_internal_routes_tell_of_nobody_unknown(auth: AuthHarness) -> None:
    headers = {"Authorization": "Service service-token-of-the-tests-0123456789"}
    problem_of(await auth.client.get(f"/internal/users/{2**62}/memberships/", headers=headers), 404, "not-found")


async def test_other_services_learn_whether_unsigned_ids_join(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key())["key"]
    assert (await auth.introspect(key))["joins_unsigned_ids"] is True
    path = f"tenants/{ada.tenant}/"
    changed = body_of(await ada.request("PATCH", path, {"join_unsigned_ids": False}), 200)
    assert changed["join_unsigned_ids"] is False
    assert (await auth.introspect(key))["joins_unsigned_ids"] is False
    for wrong in ("false", 0, None):
        assert (await ada.request("PATCH", path, {"join_unsigned_ids": wrong})).status_code == 422
