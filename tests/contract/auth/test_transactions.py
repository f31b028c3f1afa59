"""Transactions of the store: all of it or nothing, and one after the other on a locked tenant."""

from __future__ import annotations

import asyncio

import pytest

from segops_auth.ports.store import Store
from segops_common.security.permissions import Role
from tests.contract.auth.rows import EVENT, NOW, add_invite, add_owner, join, new_key, unique


class Undone(Exception):
    """Makes a transaction roll back."""


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    owner = await add_owner(store)
    grace = await join(store, owner.tenant, Role.VIEWER)
    invite, token_hash = await add_invite(store, owner)
    refresh_hash, key_hash, email = unique("refresh"), unique("hash"), f"{unique('new')}@example.com"

    async def change() -> None:
        async with store.write() as unit:
            await unit.lock_tenant(owner.tenant.id)
            await unit.add_account(email, "hash", NOW)
            await unit.change_tenant(owner.tenant.id, unique("slug"), "New")
            await unit.set_role(owner.tenant.id, grace.id, Role.OWNER)
            await unit.use_invite(token_hash, NOW)
            await unit.add_api_key(owner.tenant.id, new_key(owner, key_hash))
            await unit.add_refresh_token(owner.account.id, refresh_hash, NOW, NOW)
            await unit.replace_password(owner.account, "new")
            await unit.record(owner.tenant.id, EVENT)
            raise Undone

    with pytest.raises(Undone):
        await change()
    async with store.write() as unit:
        assert await unit.account_by_email(email) is None
        assert await unit.tenant(owner.tenant.id) == owner.tenant
        assert await unit.role(owner.tenant.id, grace.id) is Role.VIEWER
        assert await unit.invite_by_token(token_hash) == invite
        assert await unit.api_keys(owner.tenant.id, 0, 10) == []
        assert await unit.lock_refresh_token(refresh_hash) is None
        assert await unit.account(owner.account.id) == owner.account
        assert await unit.audit_log(owner.tenant.id, 2**62, 10) == []


async def test_after_a_rollback_the_audit_log_has_no_gap(store: Store) -> None:
    owner = await add_owner(store)
    for fails in (False, True, False):
        try:
            async with store.write() as unit:
                await unit.lock_tenant(owner.tenant.id)
                await unit.record(owner.tenant.id, EVENT)
                if fails:
                    raise Undone
        except Undone:
            continue
    async with store.read() as unit:
        assert [entry.number for entry in await unit.audit_log(owner.tenant.id, 2**62, 10)] == [2, 1]


async def test_a_transaction_reads_its_own_changes_and_others_do_not(store: Store) -> None:
    owner = await add_owner(store)
    async with store.write() as unit:
        await unit.set_role(owner.tenant.id, owner.account.id, Role.VIEWER)
        assert await unit.role(owner.tenant.id, owner.account.id) is Role.VIEWER
        async with store.read() as other:
            assert await other.role(owner.tenant.id, owner.account.id) is Role.OWNER
    async with store.read() as other:
        assert await other.role(owner.tenant.id, owner.account.id) is Role.VIEWER


async def test_a_cancelled_transaction_leaves_nothing_and_no_lock(store: Store) -> None:
    owner = await add_owner(store)
    changed, never = asyncio.Event(), asyncio.Event()

    async def change() -> None:
        async with store.write() as unit:
            await unit.lock_tenant(owner.tenant.id)
            await unit.set_role(owner.tenant.id, owner.account.id, Role.VIEWER)
            changed.set()
            await never.wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(change())
        await changed.wait()
        task.cancel()
    async with store.write() as unit:
        assert await unit.lock_tenant(owner.tenant.id)
        assert await unit.role(owner.tenant.id, owner.account.id) is Role.OWNER


async def test_changes_of_one_tenant_happen_one_after_the_other(store: Store) -> None:
    owner = await add_owner(store)

    async def record() -> None:
        async with store.write() as unit:
            await unit.lock_tenant(owner.tenant.id)
            await unit.record(owner.tenant.id, EVENT)

    await asyncio.gather(*(record() for _ in range(5)))
    async with store.read() as unit:
        entries = await unit.audit_log(owner.tenant.id, 2**62, 10)
    assert [entry.number for entry in entries] == [5, 4, 3, 2, 1]
    assert [entry.previous_hash for entry in entries[:-1]] == [entry.hash for entry in entries[1:]]
