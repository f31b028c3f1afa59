"""Invites: one place, one person, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, problem_of, unique


def acceptance(invite: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"token": invite["token"], "email": invite["email"], "password": PASSWORD} | changes


def new_email() -> str:
    return f"{unique('guest')}@example.com"


async def test_somebody_new_gets_an_account_and_the_place(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    email = new_email()
    invite = await ada.invite(email, "member")
    listed = body_of(await ada.request("GET", f"tenants/{ada.tenant}/invites/"), 200)["results"]
    assert listed == [{name: value for name, value in invite.items() if name != "token"}]
    made = body_of(await auth.post("invites/accept/", acceptance(invite)), 200)
    assert made["user"]["email"] == email
    assert (made["tenant"]["id"], made["role"]) == (ada.tenant, "member")
    assert await auth.roles(made["user"]["id"]) == {ada.tenant: "member"}
    body_of(await auth.post("token/", {"email": email, "password": PASSWORD}), 200)
    assert body_of(await ada.request("GET", f"tenants/{ada.tenant}/invites/"), 200)["results"] == []


async def test_somebody_with_an_account_signs_in_with_it(auth: AuthHarness) -> None:
    ada, bob = await auth.sign_up(), await auth.sign_up("bob")
    invite = await ada.invite(bob.email.upper(), "admin")
    wrong = await auth.post("invites/accept/", acceptance(invite, password="wrong-password"))
    problem_of(wrong, 401, "invalid-credentials")
    made = body_of(await auth.post("invites/accept/", acceptance(invite)), 200)
    assert made["user"]["id"] == bob.id
    assert await auth.roles(bob.id) == {ada.tenant: "admin", bob.tenant: "owner"}


async def test_whoever_has_the_token_learns_what_it_is_for(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(new_email(), "viewer")
    body = {"token": invite["token"]}
    pending = [body_of(await auth.post("invites/lookup/", body), 200) for _ in range(2)]
    assert pending[0] == pending[1]
    assert pending[0] == {
        "tenant": {"id": ada.tenant, "slug": ada.slug, "name": pending[0]["tenant"]["name"]},
        "email": invite["email"],
        "role": "viewer",
        "expires_at": invite["expires_at"],
    }
    problem_of(await auth.post("invites/lookup/", {"token": f"x{invite['token'][1:]}"}), 404, "not-found")
    for wrong in ({}, body | {"email": invite["email"]}, {"token": ""}, {"token": 5}):
        problem_of(await auth.post("invites/lookup/", wrong), 422, "validation-failed")
    body_of(await auth.post("invites/accept/", acceptance(invite)), 200)
    problem_of(await auth.post("invites/lookup/", body), 410, "invite-expired")


async def test_an_invite_works_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(new_email(), "member")
    body_of(await auth.post("invites/accept/", acceptance(invite)), 200)
    problem_of(await auth.post("invites/accept/", acceptance(invite)), 410, "invite-expired")
    path = f"tenants/{ada.tenant}/invites/{invite['id']}/"
    problem_of(await ada.request("DELETE", path), 404, "not-found")


async def test_of_fifty_acceptances_at_once_one_succeeds(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(new_email(), "member")

    async def accept() -> int:
        # Whom a busy database has no time for asks again, as a client does.
        while (status := (await auth.post("invites/accept/", acceptance(invite))).status_code) == 503:
            await asyncio.sleep(0.1)
        return status

    assert sorted(await asyncio.gather(*(accept() for _ in range(50)))) == [200] + [410] * 49
    members = body_of(await ada.request("GET", f"tenants/{ada.tenant}/members/"), 200)["results"]
    assert len(members) == 2


async def test_an_invite_is_good_for_seven_days(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    early, late = await ada.invite(new_email(), "member"), await ada.invite(new_email(), "member")
    auth.clock.advance(7 * 86_400 - 1)
    body_of(await auth.post("invites/accept/", acceptance(early)), 200)
    auth.clock.advance(1)
    problem_of(await auth.post("invites/accept/", acceptance(late)), 410, "invite-expired")


async def test_an_invite_is_for_one_address(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    invite = await ada.invite(new_email(), "member")
    answer = await auth.post("invites/accept/", acceptance(invite, email=eve.email))
    problem_of(answer, 403, "invite-email-mismatch")
    body_of(await auth.post("invites/accept/", acceptance(invite)), 200)


async def test_a_withdrawn_invite_works_no_more(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(new_email(), "member")
    path = f"tenants/{ada.tenant}/invites/{invite['id']}/"
    body_of(await ada.request("DELETE", path), 204)
    problem_of(await ada.request("DELETE", path), 404, "not-found")
    problem_of(await auth.post("invites/accept/", acceptance(invite)), 410, "invite-expired")


async def test_an_invite_of_another_tenant_cannot_be_withdrawn(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    invite = await ada.invite(new_email(), "member")
    problem_of(await eve.request("DELETE", f"tenants/{eve.tenant}/invites/{invite['id']}/"), 404, "not-found")
    body_of(await auth.post("invites/accept/", acceptance(invite)), 200)


async def test_a_member_has_no_second_place_and_the_invite_stays(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "viewer")
    invite = await ada.invite(bob.email, "admin")
    problem_of(await auth.post("invites/accept/", acceptance(invite)), 409, "already-member")
    assert await auth.roles(bob.id) == {ada.tenant: "viewer"}
    assert len(body_of(await ada.request("GET", f"tenants/{ada.tenant}/invites/"), 200)["results"]) == 1


async def test_nobody_invites_above_themselves(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "admin")
    for role, status in (("owner", 403), ("admin", 201), ("viewer", 201)):
        wish = {"email": new_email(), "role": role}
        assert (await bob.request("POST", f"tenants/{ada.tenant}/invites/", wish)).status_code == status


@pytest.mark.parametrize("token", ["x", "x" * 43, "' OR 1=1 --", "\u2603"])
async def test_an_unknown_token_is_not_found(auth: AuthHarness, token: str) -> None:
    body = {"token": token, "email": new_email(), "password": PASSWORD}
    problem_of(await auth.post("invites/accept/", body), 404, "not-found")


async def test_a_weak_password_makes_no_account(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(new_email(), "member")
    answer = await auth.post("invites/accept/", acceptance(invite, password="password1"))
    assert problem_of(answer, 422, "validation-failed")["errors"][0]["code"] == "weak-password"
    body_of(await auth.post("invites/accept/", acceptance(invite)), 200)
