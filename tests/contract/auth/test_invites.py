"""Invites in the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from segops_auth.domain.values import Invite
from segops_auth.ports.store import Store
from tests.contract.auth.rows import LATER, NOW, add_invite, add_owner


async def test_an_invite_is_returned_by_its_token(store: Store) -> None:
    owner = await add_owner(store)
    invite, token_hash = await add_invite(store, owner)
    assert invite.id > 0
    assert (invite.tenant_id, invite.email, invite.invited_by) == (
        owner.tenant.id,
        "grace@example.com",
        owner.account.id,
    )
    assert (invite.created_at, invite.expires_at, invite.open) == (NOW, LATER, True)
    async with store.read() as unit:
        assert await unit.invite_by_token(token_hash) == invite
        assert await unit.invite_by_token(token_hash + "x") is None


async def test_open_invites_come_in_pages_by_ascending_id(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    invites = [(await add_invite(store, owner))[0] for _ in range(3)]
    await add_invite(store, other)
    async with store.read() as unit:
        assert await unit.open_invites(owner.tenant.id, NOW, 0, 2) == invites[:2]
        assert await unit.open_invites(owner.tenant.id, NOW, invites[1].id, 2) == invites[2:]
        assert await unit.open_invites(owner.tenant.id, NOW, invites[2].id, 2) == []
        assert await unit.open_invites(owner.tenant.id, NOW, 0, 2, offset=1) == invites[1:]
        assert await unit.open_invite_count(owner.tenant.id, NOW) == 3
        assert await unit.open_invite_count(owner.tenant.id, LATER) == 0


async def test_an_invite_is_open_until_it_expires(store: Store) -> None:
    owner = await add_owner(store)
    invite, _ = await add_invite(store, owner)
    async with store.read() as unit:
        assert await unit.open_invites(owner.tenant.id, LATER - timedelta(microseconds=1), 0, 10) == [invite]
        assert await unit.open_invites(owner.tenant.id, LATER, 0, 10) == []


async def test_a_withdrawn_invite_is_closed(store: Store) -> None:
    owner = await add_owner(store)
    invite, token_hash = await add_invite(store, owner)
    closed = replace(invite, open=False)
    async with store.write() as unit:
        assert await unit.withdraw_invite(owner.tenant.id, invite.id, NOW) == closed
        assert await unit.withdraw_invite(owner.tenant.id, invite.id, NOW) is None
        assert await unit.use_invite(token_hash, NOW) is None
    async with store.read() as unit:
        assert await unit.open_invites(owner.tenant.id, NOW, 0, 10) == []
        assert await unit.invite_by_token(token_hash) == closed


async def test_a_tenant_withdraws_only_its_own_invites(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    invite, _ = await add_invite(store, owner)
    async with store.write() as unit:
        assert await unit.withdraw_invite(other.tenant.id, invite.id, NOW) is None
        assert await unit.withdraw_invite(owner.tenant.id, 2**62, NOW) is None
    async with store.read() as unit:
        assert await unit.open_invites(owner.tenant.id, NOW, 0, 10) == [invite]


async def test_an_invite_is_used_once(store: Store) -> None:
    owner = await add_owner(store)
    invite, token_hash = await add_invite(store, owner)
    async with store.write() as unit:
        assert await unit.use_invite(token_hash, NOW) == replace(invite, open=False)
        assert await unit.use_invite(token_hash, NOW) is None
        assert await unit.withdraw_invite(owner.tenant.id, invite.id, NOW) is None


async def test_an_expired_or_unknown_invite_is_not_used(store: Store) -> None:
    owner = await add_owner(store)
    _, token_hash = await add_invite(store, owner)
    async with store.write() as unit:
        assert await unit.use_invite(token_hash, LATER) is None
        assert await unit.use_invite(token_hash + "x", NOW) is None
        assert await unit.use_invite(token_hash, LATER - timedelta(microseconds=1)) is not None


async def test_of_several_concurrent_uses_one_succeeds(store: Store) -> None:
    owner = await add_owner(store)
    _, token_hash = await add_invite(store, owner)

    async def use() -> Invite | None:
        async with store.write() as unit:
            return await unit.use_invite(token_hash, NOW)

    outcomes = await asyncio.gather(*(use() for _ in range(5)))
    assert sum(invite is not None for invite in outcomes) == 1


async def test_the_invites_of_an_address_or_by_a_member_are_closed_in_their_tenant_only(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    first, second = [(await add_invite(store, owner))[0] for _ in range(2)]
    _used, token_hash = await add_invite(store, owner)
    theirs, _ = await add_invite(store, other)
    async with store.write() as unit:
        await unit.use_invite(token_hash, NOW)
        assert await unit.close_invites_of(owner.tenant.id, "eve@example.com", NOW) == []
        assert await unit.close_invites_by(owner.tenant.id, other.account.id, NOW) == []
        closed = await unit.close_invites_of(owner.tenant.id, "grace@example.com", NOW)
        assert closed == [replace(first, open=False), replace(second, open=False)]
        assert await unit.close_invites_of(owner.tenant.id, "grace@example.com", NOW) == []
    third, _ = await add_invite(store, owner, expires_at=NOW)
    async with store.write() as unit:
        assert await unit.close_invites_by(owner.tenant.id, owner.account.id, NOW) == [replace(third, open=False)]
    async with store.read() as unit:
        assert await unit.open_invites(other.tenant.id, NOW, 0, 10) == [theirs]
