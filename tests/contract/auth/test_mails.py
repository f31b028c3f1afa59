"""Mails and links in the store, and what they change of accounts and invites."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from segops_auth.domain.mail import LinkPurpose, MailKind, MailOrder
from segops_auth.ports.store import Store
from tests.contract.auth.rows import LATER, NOW, add_account, add_invite, add_owner, unique

RESET, VERIFICATION = LinkPurpose.PASSWORD_RESET, LinkPurpose.EMAIL_VERIFICATION
PAST = NOW - timedelta(days=10_000)
"""So far in the past that no other test's mails are due."""
SOON = PAST + timedelta(minutes=5)


@pytest.fixture
async def empty(store: Store) -> Store:
    """The store, without mails of other tests that are due in the past."""
    async with store.write() as unit:
        for order in await unit.take_mails(PAST + timedelta(days=100), LATER, 1000):
            await unit.remove_mail(order.id)
    return store


def order(recipient: str) -> MailOrder:
    return MailOrder(
        id=0,
        kind=MailKind.INVITE,
        recipient=recipient,
        tenant_id=7,
        invite_id=8,
        expires_at=LATER,
        attempts=0,
    )


async def take(store: Store, now: datetime, limit: int = 10) -> list[MailOrder]:
    async with store.write() as unit:
        return list(await unit.take_mails(now, now + timedelta(minutes=5), limit))


async def test_a_mail_is_taken_when_it_is_due_as_it_was_added(empty: Store) -> None:
    async with empty.write() as unit:
        await unit.add_mail(order("ada@example.com"), PAST)
    assert await take(empty, PAST - timedelta(seconds=1)) == []
    (taken,) = await take(empty, PAST)
    assert taken == MailOrder(
        **{
            name: getattr(order("ada@example.com"), name)
            for name in ("kind", "recipient", "tenant_id", "invite_id", "expires_at")
        },
        id=taken.id,
        attempts=1,
    )
    assert await take(empty, SOON - timedelta(seconds=1)) == []
    (again,) = await take(empty, SOON)
    assert (again.id, again.attempts) == (taken.id, 2)


async def test_mails_are_taken_oldest_first_and_each_by_one(empty: Store) -> None:
    async with empty.write() as unit:
        for number in (2, 0, 1):
            await unit.add_mail(order(f"{number}@example.com"), PAST + timedelta(seconds=number))
    first = await take(empty, SOON, 1)
    rest = await asyncio.gather(*(take(empty, SOON, 1) for _ in range(4)))
    assert [mail.recipient for mail in first] == ["0@example.com"]
    assert sorted(mail.recipient for mails in rest for mail in mails) == ["1@example.com", "2@example.com"]


async def test_a_mail_can_be_postponed_and_removed(empty: Store) -> None:
    async with empty.write() as unit:
        for name in ("postponed", "removed"):
            await unit.add_mail(order(f"{name}@example.com"), PAST)
    by_name = {mail.recipient: mail for mail in await take(empty, PAST)}
    async with empty.write() as unit:
        await unit.postpone_mail(by_name["postponed@example.com"].id, PAST + timedelta(hours=1))
        await unit.remove_mail(by_name["removed@example.com"].id)
        await unit.remove_mail(2**62)
        await unit.postpone_mail(2**62, PAST)
    assert await take(empty, PAST + timedelta(minutes=59)) == []
    assert [mail.recipient for mail in await take(empty, PAST + timedelta(hours=1))] == ["postponed@example.com"]


async def test_a_mail_of_a_unit_that_fails_is_never_sent(empty: Store) -> None:
    async def fail() -> None:
        async with empty.write() as unit:
            await unit.add_mail(order("ada@example.com"), PAST)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await take(empty, PAST) == []


async def add_link(store: Store, user_id: int, purpose: LinkPurpose = RESET, expires_at: datetime = LATER) -> str:
    token_hash = unique("link")
    async with store.write() as unit:
        await unit.add_link(user_id, purpose, token_hash, expires_at)
    return token_hash


async def test_a_link_has_an_owner_one_purpose_and_an_end(store: Store) -> None:
    account = await add_account(store)
    token_hash = await add_link(store, account.id)
    async with store.read() as unit:
        assert await unit.link_owner(RESET, token_hash, NOW) == account
        assert await unit.link_owner(VERIFICATION, token_hash, NOW) is None
        assert await unit.link_owner(RESET, token_hash, LATER) is None
        assert await unit.link_owner(RESET, unique("link"), NOW) is None


async def test_a_used_link_ends_all_of_its_purpose(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    first, second = await add_link(store, account.id), await add_link(store, account.id)
    verification, foreign = await add_link(store, account.id, VERIFICATION), await add_link(store, other.id)
    async with store.write() as unit:
        assert await unit.use_link(VERIFICATION, first, NOW) is None
        assert await unit.use_link(RESET, first, LATER) is None
        assert await unit.use_link(RESET, first, NOW) == account.id
        assert await unit.use_link(RESET, second, NOW) is None
        assert await unit.use_link(VERIFICATION, verification, NOW) == account.id
        assert await unit.use_link(RESET, foreign, NOW) == other.id


async def test_of_concurrent_uses_one_gets_the_user(store: Store) -> None:
    account = await add_account(store)
    token_hash = await add_link(store, account.id)

    async def use() -> int | None:
        async with store.write() as unit:
            return await unit.use_link(RESET, token_hash, NOW)

    assert sorted(await asyncio.gather(*(use() for _ in range(4))), key=str) == [account.id, None, None, None]


async def test_links_are_deleted_by_purpose_and_when_expired(store: Store) -> None:
    account = await add_account(store)
    reset, verification = await add_link(store, account.id), await add_link(store, account.id, VERIFICATION)
    expired = await add_link(store, account.id, VERIFICATION, PAST)
    async with store.write() as unit:
        await unit.delete_links(account.id, RESET)
        await unit.delete_expired_links(PAST)
        assert await unit.link_owner(RESET, reset, NOW) is None
        assert await unit.link_owner(VERIFICATION, expired, PAST - timedelta(days=1)) is None
        assert await unit.link_owner(VERIFICATION, verification, NOW) == account


async def test_an_address_is_confirmed_once(store: Store) -> None:
    account = await add_account(store)
    async with store.write() as unit:
        assert await unit.verify_email(account.id, NOW)
        assert not await unit.verify_email(account.id, LATER)
    async with store.read() as unit:
        stored = await unit.account(account.id)
    assert account.email_verified_at is None
    assert stored is not None
    assert stored.email_verified_at == NOW


async def test_an_invite_has_a_token_of_its_own_and_one_of_its_newest_mail(store: Store) -> None:
    owner = await add_owner(store)
    invite, own = await add_invite(store, owner)
    first, second = unique("mailed"), unique("mailed")
    async with store.write() as unit:
        await unit.set_mailed_token(owner.tenant.id, invite.id, first)
        await unit.set_mailed_token(owner.tenant.id, invite.id, second)
        assert [await unit.is_mailed_token(token) for token in (own, first, second)] == [False, False, True]
        assert await unit.invite_by_token(first) is None
        assert await unit.invite_by_token(own) == await unit.invite_by_token(second) == invite
        assert await unit.use_invite(second, NOW) is not None
        assert await unit.use_invite(own, NOW) is None


async def test_an_invite_belongs_to_its_tenant(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    invite, _ = await add_invite(store, owner)
    later = LATER + timedelta(days=7)
    async with store.write() as unit:
        assert await unit.invite(owner.tenant.id, invite.id) == invite
        assert await unit.invite(other.tenant.id, invite.id) is None
        await unit.set_mailed_token(other.tenant.id, invite.id, unique("mailed"))
        assert await unit.extend_invite(other.tenant.id, invite.id, later) is None
        extended = await unit.extend_invite(owner.tenant.id, invite.id, later)
        assert extended is not None
        assert extended.expires_at == later
        await unit.withdraw_invite(owner.tenant.id, invite.id, NOW)
        assert await unit.extend_invite(owner.tenant.id, invite.id, later) is None
