"""Inviting, withdrawing and accepting."""

from __future__ import annotations

import asyncio

import pytest

from segops_auth.domain.values import Invite, JoinedTenant
from segops_auth.service.attempts import Client
from segops_auth.service.authorization import MAX_TENANTS_PER_USER
from segops_auth.service.invites import LIFETIME, AcceptedInvite
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import Problem, ValidationFailed
from segops_common.security.permissions import Role
from tests.unit.auth.harness import ADDRESS, PASSWORD, PER_ADDRESS, PER_EMAIL, START, MemoryAuth, User, slug_of

GRACE_EMAIL = "grace@example.com"
RANK = {Role.OWNER: 3, Role.ADMIN: 2, Role.MEMBER: 1, Role.VIEWER: 0}
MANAGERS = {Role.OWNER, Role.ADMIN}


async def invite(memory: MemoryAuth, actor: User, role: Role = Role.MEMBER, email: str = GRACE_EMAIL) -> str:
    """Return the token of a new invite."""
    _, token = await memory.auth.invites.create(actor.tenant.id, actor.id, email=email, role=role)
    return token


async def accept(
    memory: MemoryAuth, token: str, *, email: str = GRACE_EMAIL, password: str = PASSWORD, address: str | None = None
) -> AcceptedInvite:
    return await memory.auth.invites.accept(token=token, email=email, password=password, client=Client(address=address))


async def test_an_invite_is_listed_until_it_is_withdrawn(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    made, token = await memory.auth.invites.create(ada.tenant.id, ada.id, email=GRACE_EMAIL, role=Role.VIEWER)
    assert (made.email, made.role, made.invited_by) == (GRACE_EMAIL, Role.VIEWER, ada.id)
    assert (made.created_at, made.expires_at) == (START, START + LIFETIME)
    page = await memory.auth.invites.list_open(ada.tenant.id, ada.id, PageQuery(limit=10))
    assert (page.results, page.next_cursor) == ((made,), None)
    await memory.auth.invites.withdraw(ada.tenant.id, ada.id, made.id)
    page = await memory.auth.invites.list_open(ada.tenant.id, ada.id, PageQuery(limit=10))
    assert page.results == ()
    assert await slug_of(accept(memory, token)) == "invite-expired"
    assert await memory.actions(ada.tenant) == ["tenant.created", "invite.created", "invite.revoked"]
    assert (await memory.audit_log(ada.tenant))[1].details == {"email": GRACE_EMAIL, "role": "viewer"}


async def test_a_pending_invite_is_looked_up_and_stays_usable(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada, Role.VIEWER)
    for _ in range(2):
        pending = await memory.auth.invites.find_pending(token, None)
        assert (pending.tenant, pending.invite.email, pending.invite.role) == (ada.tenant, GRACE_EMAIL, Role.VIEWER)
    await accept(memory, token)
    assert await slug_of(memory.auth.invites.find_pending(token, None)) == "invite-expired"
    assert await slug_of(memory.auth.invites.find_pending("x" * 43, None)) == "not-found"
    late = await invite(memory, ada, email="late@example.com")
    memory.clock.advance(LIFETIME.total_seconds())
    assert await slug_of(memory.auth.invites.find_pending(late, None)) == "invite-expired"


async def test_looking_up_is_limited_with_accepting(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada)
    guesses = [await slug_of(memory.auth.invites.find_pending("x" * 43, ADDRESS)) for _ in range(PER_ADDRESS)]
    assert guesses == ["not-found"] * PER_ADDRESS
    assert await slug_of(memory.auth.invites.find_pending(token, ADDRESS)) == "rate-limited"
    assert await slug_of(accept(memory, token, address=ADDRESS)) == "rate-limited"
    assert (await memory.auth.invites.find_pending(token, "another address")).invite.email == GRACE_EMAIL


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("actor_role", Role)
async def test_a_role_invites_up_to_itself(memory: MemoryAuth, actor_role: Role, role: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, actor_role)
    if actor_role in MANAGERS and RANK[role] <= RANK[actor_role]:
        accepted = await accept(memory, await invite(memory, actor, role))
        assert accepted.role is role
    else:
        assert await slug_of(invite(memory, actor, role)) == "insufficient-role"


@pytest.mark.parametrize("actor_role", Role)
async def test_who_may_invite_may_list_and_withdraw(memory: MemoryAuth, actor_role: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, actor_role)
    made, _ = await memory.auth.invites.create(ada.tenant.id, ada.id, email=GRACE_EMAIL, role=Role.VIEWER)
    listing = memory.auth.invites.list_open(ada.tenant.id, actor.id, PageQuery(limit=10))
    withdrawal = memory.auth.invites.withdraw(ada.tenant.id, actor.id, made.id)
    if actor_role in MANAGERS:
        assert (await listing).results == (made,)
        await withdrawal
    else:
        assert [await slug_of(listing), await slug_of(withdrawal)] == ["insufficient-role"] * 2


async def test_the_tenant_of_others_looks_absent(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    made, _ = await memory.auth.invites.create(ada.tenant.id, ada.id, email=GRACE_EMAIL, role=Role.VIEWER)
    details = set()
    for tenant_id in (ada.tenant.id, 2**62):
        for call in (
            memory.auth.invites.create(tenant_id, eve.id, email=GRACE_EMAIL, role=Role.VIEWER),
            memory.auth.invites.list_open(tenant_id, eve.id, PageQuery(limit=10)),
            memory.auth.invites.withdraw(tenant_id, eve.id, made.id),
        ):
            with pytest.raises(Problem) as refusal:
                await call
            details.add((refusal.value.slug, refusal.value.detail))
    assert len(details) == 1
    assert details.pop()[0] == "not-found"


async def test_the_invite_of_another_tenant_is_not_withdrawn(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    made, token = await memory.auth.invites.create(ada.tenant.id, ada.id, email=GRACE_EMAIL, role=Role.VIEWER)
    for invite_id in (made.id, 2**62, 0, -1):
        assert await slug_of(memory.auth.invites.withdraw(eve.tenant.id, eve.id, invite_id)) == "not-found"
    await accept(memory, token)


async def test_invites_come_in_pages(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    ids = []
    for number in range(5):
        made, _ = await memory.auth.invites.create(
            ada.tenant.id, ada.id, email=f"guest{number}@example.com", role=Role.VIEWER
        )
        ids.append(made.id)
    listed: list[int] = []
    cursor: str | None = None
    for _ in range(3):
        page = await memory.auth.invites.list_open(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor))
        listed += [item.id for item in page.results]
        cursor = page.next_cursor
    assert (listed, cursor) == (ids, None)


async def test_accepting_makes_an_account_and_signs_in(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    accepted = await accept(memory, await invite(memory, ada, Role.VIEWER))
    assert (accepted.account.email, accepted.tenant, accepted.role) == (GRACE_EMAIL, ada.tenant, Role.VIEWER)
    assert memory.tokens.verify(accepted.tokens.access_token).user_id == accepted.account.id
    await memory.auth.sessions.sign_in(email=GRACE_EMAIL, password=PASSWORD, client=Client())
    assert memory.cache_invalidation.messages == [f"user:{accepted.account.id}"]
    entry = (await memory.audit_log(ada.tenant))[-1]
    assert (entry.action, entry.actor_id) == ("invite.accepted", accepted.account.id)


async def test_accepting_with_an_account_adds_the_tenant(memory: MemoryAuth) -> None:
    ada, grace = await memory.sign_up(), await memory.sign_up("grace")
    accepted = await accept(memory, await invite(memory, ada, Role.ADMIN))
    assert accepted.account.id == grace.id
    assert await memory.auth.accounts.joined_tenants(grace.id, None) == [
        JoinedTenant(tenant=ada.tenant, role=Role.ADMIN),
        JoinedTenant(tenant=grace.tenant, role=Role.OWNER),
    ]


async def test_an_existing_account_needs_its_password_and_guesses_are_limited(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.sign_up("grace")
    token = await invite(memory, ada)
    slugs = [await slug_of(accept(memory, token, password="wrong-password")) for _ in range(PER_EMAIL + 1)]
    assert slugs == ["invalid-credentials"] * PER_EMAIL + ["rate-limited"]
    memory.clock.advance(900)
    await accept(memory, token)


async def test_a_new_account_needs_a_good_password(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada)
    with pytest.raises(ValidationFailed) as refusal:
        await accept(memory, token, password="password1")
    assert refusal.value.errors[0].path == "password"
    await accept(memory, token)


async def test_an_unknown_token_is_refused(memory: MemoryAuth) -> None:
    assert await slug_of(accept(memory, "x" * 43)) == "not-found"


async def test_an_invite_is_for_its_email_only(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada)
    assert await slug_of(accept(memory, token, email="eve@example.com")) == "invite-email-mismatch"
    await accept(memory, token)


async def test_an_invite_is_accepted_once(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada)
    await accept(memory, token)
    assert await slug_of(accept(memory, token)) == "invite-expired"


async def test_of_concurrent_acceptances_one_succeeds(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada)
    outcomes = await asyncio.gather(*(accept(memory, token) for _ in range(5)), return_exceptions=True)
    slugs = sorted(outcome.slug if isinstance(outcome, Problem) else "accepted" for outcome in outcomes)
    assert slugs.count("accepted") == 1
    assert set(slugs) == {"accepted", "invite-expired"}


async def test_an_expired_invite_is_refused(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token, late = await invite(memory, ada), await invite(memory, ada, email="late@example.com")
    memory.clock.advance(LIFETIME.total_seconds() - 1)
    await accept(memory, token)
    memory.clock.advance(1)
    assert await slug_of(accept(memory, late, email="late@example.com")) == "invite-expired"


async def test_a_member_does_not_join_twice(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await invite(memory, ada, Role.VIEWER, email=ada.email)
    assert await slug_of(accept(memory, token, email=ada.email)) == "already-member"
    assert await memory.role(ada.tenant, ada) is Role.OWNER


async def test_a_user_has_a_limited_number_of_tenants(memory: MemoryAuth) -> None:
    ada, grace = await memory.sign_up(), await memory.sign_up("grace")
    for number in range(MAX_TENANTS_PER_USER - 1):
        await memory.auth.tenants.create(grace.id, slug=f"own-{number}", name="Own", is_test=False)
    token = await invite(memory, ada)
    assert await slug_of(accept(memory, token)) == "tenant-limit"
    first = (await memory.auth.accounts.joined_tenants(grace.id, None) or [])[0].tenant
    await memory.join(User(grace.account, first, grace.tokens), Role.OWNER, "heir")
    await memory.auth.tenants.remove_member(first.id, grace.id, grace.id)
    await accept(memory, token)


async def test_acceptances_are_limited_per_address(memory: MemoryAuth) -> None:
    slugs = [await slug_of(accept(memory, "x", address=ADDRESS)) for _ in range(PER_ADDRESS + 1)]
    assert slugs == ["not-found"] * PER_ADDRESS + ["rate-limited"]


async def test_a_new_invite_replaces_earlier_ones_of_the_address(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    first, elsewhere = await invite(memory, ada, Role.OWNER), await invite(memory, eve, Role.VIEWER)
    other = await invite(memory, ada, email="other@example.com")
    second = await invite(memory, ada, Role.VIEWER)
    assert await slug_of(accept(memory, first)) == "invite-expired"
    assert (await accept(memory, second)).role is Role.VIEWER
    assert (await accept(memory, elsewhere)).role is Role.VIEWER
    await accept(memory, other, email="other@example.com")
    assert (await memory.actions(ada.tenant))[1:5] == ["invite.created"] * 2 + ["invite.revoked", "invite.created"]


async def add_invite_directly(memory: MemoryAuth, host: User) -> str:
    """Store another open invite of the address, as versions without the rule could."""
    token = memory.secrets.new_token()
    new = Invite(
        id=0,
        tenant_id=host.tenant.id,
        email=GRACE_EMAIL,
        role=Role.OWNER,
        invited_by=host.id,
        created_at=START,
        expires_at=START + LIFETIME,
        open=True,
    )
    async with memory.store.write() as unit:
        await unit.add_invite(host.tenant.id, new, memory.secrets.hash(token))
    return token


async def test_accepting_closes_the_other_invites_of_the_address(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    first, second = [await add_invite_directly(memory, ada) for _ in range(2)]
    await accept(memory, first)
    assert await slug_of(accept(memory, second)) == "invite-expired"
    assert (await memory.actions(ada.tenant))[1:] == ["invite.accepted", "invite.revoked"]


async def test_a_removed_member_does_not_come_back_with_an_earlier_invite(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    grace = await accept(memory, await invite(memory, ada, Role.VIEWER))
    token = await add_invite_directly(memory, ada)
    await memory.auth.tenants.remove_member(ada.tenant.id, ada.id, grace.account.id)
    assert await slug_of(accept(memory, token)) == "invite-expired"
    assert await memory.auth.accounts.joined_tenants(grace.account.id, None) == []


async def test_a_removed_member_leaves_no_invites_behind(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    admin = await memory.join(ada, Role.ADMIN)
    token = await invite(memory, admin)
    await memory.auth.tenants.remove_member(ada.tenant.id, ada.id, admin.id)
    page = await memory.auth.invites.list_open(ada.tenant.id, ada.id, PageQuery(limit=10))
    assert page.results == ()
    assert await slug_of(accept(memory, token)) == "invite-expired"


@pytest.mark.parametrize("invited", Role)
@pytest.mark.parametrize("now", [None, *Role])
async def test_an_invite_gives_what_its_inviter_may_give_when_it_is_accepted(
    memory: MemoryAuth, now: Role | None, invited: Role
) -> None:
    ada = await memory.sign_up()
    owner = await memory.join(ada, Role.OWNER, "second")
    token = await invite(memory, owner, invited)
    async with memory.store.write() as unit:
        if now is None:
            await unit.remove_member(ada.tenant.id, owner.id)
        else:
            await unit.set_role(ada.tenant.id, owner.id, now)
    if now is not None and now in MANAGERS and RANK[invited] <= RANK[now]:
        assert (await accept(memory, token)).role is invited
        return
    assert await slug_of(accept(memory, token)) == "inviter-lacks-role"
    async with memory.store.read() as unit:
        assert await unit.account_by_email(GRACE_EMAIL) is None, "nothing is stored"
