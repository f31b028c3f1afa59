"""Invites: one place, one person, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.auth.harness import PASSWORD, World, fresh, refused, said


def acceptance(invite: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"token": invite["token"], "email": invite["email"], "password": PASSWORD} | changes


def new_email() -> str:
    return f"{fresh('guest')}@example.com"


async def test_somebody_new_gets_an_account_and_the_place(world: World) -> None:
    ada = await world.sign_up()
    email = new_email()
    invite = await ada.invite(email, "member")
    listed = said(await ada.ask("GET", f"tenants/{ada.tenant}/invites/"), 200)["items"]
    assert listed == [{name: value for name, value in invite.items() if name != "token"}]
    made = said(await world.post("invites/accept/", acceptance(invite)), 200)
    assert made["user"]["email"] == email
    assert (made["tenant"]["id"], made["role"]) == (ada.tenant, "member")
    assert await world.roles(made["user"]["id"]) == {ada.tenant: "member"}
    said(await world.post("token/", {"email": email, "password": PASSWORD}), 200)
    assert said(await ada.ask("GET", f"tenants/{ada.tenant}/invites/"), 200)["items"] == []


async def test_somebody_with_an_account_signs_in_with_it(world: World) -> None:
    ada, bob = await world.sign_up(), await world.sign_up("bob")
    invite = await ada.invite(bob.email.upper(), "admin")
    wrong = await world.post("invites/accept/", acceptance(invite, password="wrong-password"))
    refused(wrong, 401, "invalid-credentials")
    made = said(await world.post("invites/accept/", acceptance(invite)), 200)
    assert made["user"]["id"] == bob.id
    assert await world.roles(bob.id) == {ada.tenant: "admin", bob.tenant: "owner"}


async def test_an_invite_works_once(world: World) -> None:
    ada = await world.sign_up()
    invite = await ada.invite(new_email(), "member")
    said(await world.post("invites/accept/", acceptance(invite)), 200)
    refused(await world.post("invites/accept/", acceptance(invite)), 410, "invite-expired")
    path = f"tenants/{ada.tenant}/invites/{invite['id']}/"
    refused(await ada.ask("DELETE", path), 404, "not-found")


async def test_of_fifty_acceptances_at_once_one_succeeds(world: World) -> None:
    ada = await world.sign_up()
    invite = await ada.invite(new_email(), "member")

    async def accept() -> int:
        # Whom a busy database has no time for asks again, as a client does.
        while (status := (await world.post("invites/accept/", acceptance(invite))).status_code) == 503:
            await asyncio.sleep(0.1)
        return status

    assert sorted(await asyncio.gather(*(accept() for _ in range(50)))) == [200] + [410] * 49
    members = said(await ada.ask("GET", f"tenants/{ada.tenant}/members/"), 200)["items"]
    assert len(members) == 2


async def test_an_invite_is_good_for_seven_days(world: World) -> None:
    ada = await world.sign_up()
    early, late = await ada.invite(new_email(), "member"), await ada.invite(new_email(), "member")
    world.clock.advance(7 * 86_400 - 1)
    said(await world.post("invites/accept/", acceptance(early)), 200)
    world.clock.advance(1)
    refused(await world.post("invites/accept/", acceptance(late)), 410, "invite-expired")


async def test_an_invite_is_for_one_address(world: World) -> None:
    ada, eve = await world.sign_up(), await world.sign_up("eve")
    invite = await ada.invite(new_email(), "member")
    answer = await world.post("invites/accept/", acceptance(invite, email=eve.email))
    refused(answer, 403, "invite-email-mismatch")
    said(await world.post("invites/accept/", acceptance(invite)), 200)


async def test_a_withdrawn_invite_works_no_more(world: World) -> None:
    ada = await world.sign_up()
    invite = await ada.invite(new_email(), "member")
    path = f"tenants/{ada.tenant}/invites/{invite['id']}/"
    said(await ada.ask("DELETE", path), 204)
    refused(await ada.ask("DELETE", path), 404, "not-found")
    refused(await world.post("invites/accept/", acceptance(invite)), 410, "invite-expired")


async def test_an_invite_of_another_tenant_cannot_be_withdrawn(world: World) -> None:
    ada, eve = await world.sign_up(), await world.sign_up("eve")
    invite = await ada.invite(new_email(), "member")
    refused(await eve.ask("DELETE", f"tenants/{eve.tenant}/invites/{invite['id']}/"), 404, "not-found")
    said(await world.post("invites/accept/", acceptance(invite)), 200)


async def test_a_member_has_no_second_place_and_the_invite_stays(world: World) -> None:
    ada = await world.sign_up()
    bob = await world.join(ada, "viewer")
    invite = await ada.invite(bob.email, "admin")
    refused(await world.post("invites/accept/", acceptance(invite)), 409, "already-member")
    assert await world.roles(bob.id) == {ada.tenant: "viewer"}
    assert len(said(await ada.ask("GET", f"tenants/{ada.tenant}/invites/"), 200)["items"]) == 1


async def test_nobody_invites_above_themselves(world: World) -> None:
    ada = await world.sign_up()
    bob = await world.join(ada, "admin")
    for role, status in (("owner", 403), ("admin", 201), ("viewer", 201)):
        wish = {"email": new_email(), "role": role}
        assert (await bob.ask("POST", f"tenants/{ada.tenant}/invites/", wish)).status_code == status


@pytest.mark.parametrize("token", ["x", "x" * 43, "' OR 1=1 --", "\u2603"])
async def test_an_unknown_token_is_not_found(world: World, token: str) -> None:
    body = {"token": token, "email": new_email(), "password": PASSWORD}
    refused(await world.post("invites/accept/", body), 404, "not-found")


async def test_a_weak_password_makes_no_account(world: World) -> None:
    ada = await world.sign_up()
    invite = await ada.invite(new_email(), "member")
    answer = await world.post("invites/accept/", acceptance(invite, password="password1"))
    assert refused(answer, 422, "validation-failed")["errors"][0]["code"] == "weak-password"
    said(await world.post("invites/accept/", acceptance(invite)), 200)
