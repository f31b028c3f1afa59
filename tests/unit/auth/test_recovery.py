"""New passwords and confirmed addresses by mail."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from segops_auth.domain.mail import LINK_LIFETIMES, LinkPurpose
from segops_auth.service.attempts import Client
from segops_common.security.permissions import Role
from tests.unit.auth.harness import (
    ADDRESS,
    INVITE_MAILS,
    NEW_PASSWORD,
    PASSWORD,
    PER_ADDRESS,
    PER_EMAIL,
    MemoryAuth,
    User,
    memory_auth,
    slug_of,
)

UNKNOWN = "unknown@example.com"


async def reset_token(memory: MemoryAuth, user: User) -> str:
    """Ask for a new password and return the token of the mail."""
    await memory.auth.recovery.request_password_reset(user.email, None)
    return await memory.mailed_token(user.email)


async def can_sign_in(memory: MemoryAuth, user: User, password: str) -> bool:
    try:
        await memory.auth.sessions.sign_in(email=user.email, password=password, client=Client(signed_in=True))
    except Exception:
        return False
    return True


async def is_verified(memory: MemoryAuth, user_id: int) -> bool:
    async with memory.store.read() as unit:
        account = await unit.account(user_id)
    assert account is not None
    return account.email_verified_at is not None


async def test_a_new_password_replaces_the_old_one_and_ends_every_session(memory: MemoryAuth) -> None:
    ada, grace = await memory.sign_up(), await memory.sign_up("grace")
    await memory.auth.recovery.reset_password(await reset_token(memory, ada), NEW_PASSWORD, None)
    assert await can_sign_in(memory, ada, NEW_PASSWORD)
    assert not await can_sign_in(memory, ada, PASSWORD)
    assert await slug_of(memory.auth.sessions.refresh(ada.tokens.refresh_token)) == "invalid-refresh-token"
    await memory.auth.sessions.refresh(grace.tokens.refresh_token)
    assert memory.cache_invalidation.messages == [f"user:{ada.id}"]
    assert await memory.actions(ada.tenant) == ["tenant.created", "account.password_reset", "account.email_verified"]


async def test_a_link_works_once_and_so_do_its_siblings(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    first, second = [await reset_token(memory, ada) for _ in range(2)]
    await memory.auth.recovery.reset_password(first, NEW_PASSWORD, None)
    for token in (first, second):
        assert await slug_of(memory.auth.recovery.reset_password(token, PASSWORD, None)) == "link-expired"
    assert await can_sign_in(memory, ada, NEW_PASSWORD)


async def test_of_two_uses_at_once_one_wins(memory: MemoryAuth) -> None:
    token = await reset_token(memory, await memory.sign_up())
    uses = (memory.auth.recovery.reset_password(token, f"{NEW_PASSWORD}-{number}", None) for number in range(3))
    results = await asyncio.gather(*uses, return_exceptions=True)
    assert sum(result is None for result in results) == 1


async def test_a_link_works_for_thirty_minutes(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await reset_token(memory, ada)
    memory.clock.advance(30 * 60)
    assert await slug_of(memory.auth.recovery.reset_password(token, NEW_PASSWORD, None)) == "link-expired"
    assert await can_sign_in(memory, ada, PASSWORD)


async def test_a_weak_password_leaves_the_link_working(memory: MemoryAuth) -> None:
    token = await reset_token(memory, await memory.sign_up())
    assert await slug_of(memory.auth.recovery.reset_password(token, "password", None)) == "validation-failed"
    await memory.auth.recovery.reset_password(token, NEW_PASSWORD, None)


async def test_a_changed_password_ends_the_links_of_before(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await reset_token(memory, ada)
    await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=NEW_PASSWORD)
    assert await slug_of(memory.auth.recovery.reset_password(token, "a-third-password", None)) == "link-expired"


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(memory: MemoryAuth) -> None:
    await memory.auth.recovery.request_password_reset(UNKNOWN, None)
    assert await memory.sender.send_due() == 1
    assert memory.mail.sent == []
    assert await memory.sender.send_due() == 0


async def test_requests_are_limited_alike_for_known_and_unknown_addresses(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    for email in (ada.email, UNKNOWN):
        for _ in range(PER_EMAIL):
            await memory.auth.recovery.request_password_reset(email, None)
        assert await slug_of(memory.auth.recovery.request_password_reset(email, None)) == "rate-limited"


async def test_one_network_address_is_limited_over_all_routes(memory: MemoryAuth) -> None:
    for number in range(PER_ADDRESS):
        await memory.auth.recovery.request_password_reset(f"user{number}@example.com", ADDRESS)
    for call in (
        memory.auth.recovery.request_password_reset(UNKNOWN, ADDRESS),
        memory.auth.recovery.reset_password("x", NEW_PASSWORD, ADDRESS),
        memory.auth.recovery.verify_email("x", ADDRESS),
    ):
        assert await slug_of(call) == "rate-limited"


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\u2603"])
async def test_an_unknown_token_is_an_expired_link(memory: MemoryAuth, token: str) -> None:
    assert await slug_of(memory.auth.recovery.reset_password(token, NEW_PASSWORD, None)) == "link-expired"
    assert await slug_of(memory.auth.recovery.verify_email(token, None)) == "link-expired"


async def test_a_token_has_one_purpose(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    verification = await memory.mailed_token(ada.email)
    reset = await reset_token(memory, ada)
    assert await slug_of(memory.auth.recovery.reset_password(verification, NEW_PASSWORD, None)) == "link-expired"
    assert await slug_of(memory.auth.recovery.verify_email(reset, None)) == "link-expired"


async def test_signing_up_sends_a_mail_that_confirms_the_address(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    token = await memory.mailed_token(ada.email)
    assert not await is_verified(memory, ada.id)
    await memory.auth.recovery.verify_email(token, None)
    assert await is_verified(memory, ada.id)
    assert await memory.actions(ada.tenant) == ["tenant.created", "account.email_verified"]
    assert await slug_of(memory.auth.recovery.verify_email(token, None)) == "link-expired"


async def test_the_mail_can_be_sent_again_until_the_address_is_confirmed(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.sender.send_due()
    await memory.auth.recovery.send_verification(ada.id)
    await memory.auth.recovery.verify_email(await memory.mailed_token(ada.email), None)
    assert len(memory.mail.sent) == 2
    await memory.auth.recovery.send_verification(ada.id)
    assert await memory.sender.send_due() == 0


async def test_an_address_confirmed_meanwhile_gets_no_mail(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.auth.recovery.verify_email(await memory.mailed_token(ada.email), None)
    async with memory.store.write() as unit:
        await memory.auth.mails.order_email_verification(unit, ada.email)
    memory.mail.sent.clear()
    await memory.sender.send_due()
    assert memory.mail.sent == []


async def test_only_the_token_of_a_mail_confirms_the_address_of_an_invited_person(memory: MemoryAuth) -> None:
    host = await memory.sign_up()
    for name, is_mailed in (("grace", True), ("eve", False)):
        email = f"{name}@example.com"
        _, shown = await memory.auth.invites.create(host.tenant.id, host.id, email=email, role=Role.VIEWER)
        mailed = await memory.mailed_token(email)
        assert mailed != shown
        accepted = await memory.auth.invites.accept(
            token=mailed if is_mailed else shown, email=email, password=PASSWORD, client=Client()
        )
        assert await is_verified(memory, accepted.account.id) is is_mailed
        for token in (shown, mailed):
            again = memory.auth.invites.accept(token=token, email=email, password=PASSWORD, client=Client())
            assert await slug_of(again) == "invite-expired"


async def test_an_invite_sent_again_lives_longer_and_ends_the_link_of_the_mail_before(memory: MemoryAuth) -> None:
    host, email = await memory.sign_up(), "grace@example.com"
    invite, _ = await memory.auth.invites.create(host.tenant.id, host.id, email=email, role=Role.VIEWER)
    first = await memory.mailed_token(email)
    memory.clock.advance(6 * 86_400)
    again = await memory.auth.invites.resend(host.tenant.id, host.id, invite.id)
    assert again.expires_at == invite.expires_at + timedelta(days=6)
    second = await memory.mailed_token(email)
    memory.clock.advance(6 * 86_400)
    old = memory.auth.invites.accept(token=first, email=email, password=PASSWORD, client=Client())
    assert await slug_of(old) == "not-found"
    await memory.auth.invites.accept(token=second, email=email, password=PASSWORD, client=Client())
    assert (await memory.actions(host.tenant))[1:3] == ["invite.created", "invite.resent"]


async def test_only_an_open_invite_is_sent_again_by_who_may_give_its_role(memory: MemoryAuth) -> None:
    host = await memory.sign_up()
    admin = await memory.join(host, Role.ADMIN)
    viewer = await memory.join(host, Role.VIEWER)
    owner_invite, _ = await memory.auth.invites.create(
        host.tenant.id, host.id, email="grace@example.com", role=Role.OWNER
    )
    resend = memory.auth.invites.resend
    assert await slug_of(resend(host.tenant.id, admin.id, owner_invite.id)) == "insufficient-role"
    assert await slug_of(resend(host.tenant.id, viewer.id, owner_invite.id)) == "insufficient-role"
    assert await slug_of(resend(host.tenant.id, host.id, 2**62)) == "not-found"
    await memory.auth.invites.withdraw(host.tenant.id, host.id, owner_invite.id)
    assert await slug_of(resend(host.tenant.id, host.id, owner_invite.id)) == "not-found"
    eve = await memory.sign_up("eve")
    assert await slug_of(resend(host.tenant.id, eve.id, owner_invite.id)) == "not-found"


async def test_a_withdrawn_invite_is_not_mailed(memory: MemoryAuth) -> None:
    host = await memory.sign_up()
    await memory.sender.send_due()
    invite, _ = await memory.auth.invites.create(host.tenant.id, host.id, email="grace@example.com", role=Role.VIEWER)
    await memory.auth.invites.withdraw(host.tenant.id, host.id, invite.id)
    memory.mail.sent.clear()
    assert await memory.sender.send_due() == 1
    assert memory.mail.sent == []


async def test_a_tenant_cannot_send_any_number_of_mails(memory: MemoryAuth) -> None:
    host = await memory.sign_up()
    invites = memory.auth.invites
    for number in range(INVITE_MAILS):
        await invites.create(host.tenant.id, host.id, email=f"user{number}@example.com", role=Role.VIEWER)
    more = invites.create(host.tenant.id, host.id, email="more@example.com", role=Role.VIEWER)
    assert await slug_of(more) == "rate-limited"


async def test_without_mail_nothing_is_promised() -> None:
    memory = memory_auth(sends_mail=False)
    ada = await memory.sign_up()
    invite, token = await memory.auth.invites.create(ada.tenant.id, ada.id, email="grace@example.com", role=Role.VIEWER)
    for email in (ada.email, UNKNOWN):
        assert await slug_of(memory.auth.recovery.request_password_reset(email, None)) == "mail-not-configured"
    assert await slug_of(memory.auth.recovery.send_verification(ada.id)) == "mail-not-configured"
    assert await slug_of(memory.auth.invites.resend(ada.tenant.id, ada.id, invite.id)) == "mail-not-configured"
    await memory.auth.invites.accept(token=token, email="grace@example.com", password=PASSWORD, client=Client())
    assert await memory.sender.send_due() == 0


async def test_expired_links_are_deleted(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await reset_token(memory, ada)
    memory.clock.advance(LINK_LIFETIMES[LinkPurpose.EMAIL_VERIFICATION].total_seconds())
    await memory.sender.send_due()
    assert memory.store._tables.links == {}
