"""Tenants and members in the store."""

from __future__ import annotations

import pytest

from segops_auth.domain.values import JoinedTenant, Member
from segops_auth.ports.store import Store
from segops_auth.ports.tenants import AlreadyMember, SlugTaken
from segops_common.security.permissions import Role
from tests.contract.auth.rows import NOW, add_account, add_owner, join, unique


@pytest.mark.parametrize("is_test", [False, True])
async def test_a_tenant_is_returned_as_it_was_added(store: Store, is_test: bool) -> None:
    slug = unique("acme")
    async with store.write() as unit:
        tenant = await unit.add_tenant(slug, "Acmé", NOW, is_test=is_test)
    assert (tenant.slug, tenant.name, tenant.is_test, tenant.created_at) == (slug, "Acmé", is_test, NOW)
    async with store.read() as unit:
        assert await unit.tenant(tenant.id) == tenant
        assert await unit.tenant(2**62) is None
        assert await unit.members(tenant.id, 0, 10) == []


async def test_a_tenant_keeps_its_test_tenant(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    async with store.write() as unit:
        test_tenant = await unit.add_tenant(unique("tests"), "Tests", NOW, is_test=True)
        await unit.set_test_tenant(owner.tenant.id, test_tenant.id)
        await unit.change_tenant(owner.tenant.id, owner.tenant.slug, "Renamed")
    async with store.read() as unit:
        tenants = [await unit.tenant(tenant_id) for tenant_id in (owner.tenant.id, other.tenant.id)]
    assert [tenant and tenant.test_tenant_id for tenant in tenants] == [test_tenant.id, None]


async def test_a_slug_belongs_to_one_tenant(store: Store) -> None:
    owner = await add_owner(store)
    with pytest.raises(SlugTaken):
        async with store.write() as unit:
            await unit.add_tenant(owner.tenant.slug, "Other", NOW)


async def test_a_tenant_is_renamed(store: Store) -> None:
    owner = await add_owner(store)
    slug = unique("new")
    async with store.write() as unit:
        assert await unit.change_tenant(owner.tenant.id, owner.tenant.slug, "New") is not None
        changed = await unit.change_tenant(owner.tenant.id, slug, "New")
    assert (changed.id, changed.slug, changed.name) == (owner.tenant.id, slug, "New")
    async with store.read() as unit:
        assert await unit.tenant(owner.tenant.id) == changed


async def test_a_tenant_does_not_take_the_slug_of_another(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    with pytest.raises(SlugTaken):
        async with store.write() as unit:
            await unit.change_tenant(owner.tenant.id, other.tenant.slug, "New")
    async with store.read() as unit:
        assert await unit.tenant(owner.tenant.id) == owner.tenant


async def test_only_an_existing_tenant_is_locked(store: Store) -> None:
    owner = await add_owner(store)
    async with store.write() as unit:
        assert await unit.lock_tenant(owner.tenant.id)
        assert not await unit.lock_tenant(2**62)


async def test_the_tenants_of_a_user_are_in_ascending_order(store: Store) -> None:
    owners = [await add_owner(store) for _ in range(3)]
    account = await add_account(store)
    roles = [Role.VIEWER, Role.ADMIN, Role.OWNER]
    async with store.write() as unit:
        for owner, role in reversed(list(zip(owners, roles, strict=True))):
            await unit.add_member(owner.tenant.id, account.id, role, NOW)
    expected = [JoinedTenant(tenant=owner.tenant, role=role) for owner, role in zip(owners, roles, strict=True)]
    async with store.read() as unit:
        assert await unit.joined_tenants(account.id) == expected
        assert await unit.joined_tenants(2**62) == []


async def test_members_come_in_pages_by_ascending_user_id(store: Store) -> None:
    owner = await add_owner(store)
    accounts = [await add_account(store) for _ in range(4)]
    async with store.write() as unit:
        for account in reversed(accounts):
            await unit.add_member(owner.tenant.id, account.id, Role.MEMBER, NOW)
    members = [
        Member(user_id=account.id, email=account.email, role=role, joined_at=NOW)
        for account, role in [(owner.account, Role.OWNER), *((account, Role.MEMBER) for account in accounts)]
    ]
    async with store.read() as unit:
        assert await unit.members(owner.tenant.id, 0, 3) == members[:3]
        assert await unit.members(owner.tenant.id, members[2].user_id, 3) == members[3:]
        assert await unit.members(owner.tenant.id, members[-1].user_id, 3) == []
        assert await unit.members(owner.tenant.id, 0, 2, offset=1) == members[1:3]
        assert await unit.member_count(owner.tenant.id) == len(members)


async def test_a_role_is_read_and_changed(store: Store) -> None:
    owner = await add_owner(store)
    grace = await join(store, owner.tenant, Role.VIEWER)
    async with store.write() as unit:
        await unit.set_role(owner.tenant.id, grace.id, Role.ADMIN)
    async with store.read() as unit:
        assert await unit.role(owner.tenant.id, grace.id) is Role.ADMIN
        assert await unit.role(owner.tenant.id, owner.account.id) is Role.OWNER
        assert await unit.member(owner.tenant.id, grace.id) == Member(
            user_id=grace.id, email=grace.email, role=Role.ADMIN, joined_at=NOW
        )


async def test_a_stranger_has_no_role(store: Store) -> None:
    owner, eve = await add_owner(store), await add_owner(store)
    async with store.write() as unit:
        await unit.set_role(owner.tenant.id, eve.account.id, Role.OWNER)
        await unit.remove_member(owner.tenant.id, eve.account.id)
    async with store.read() as unit:
        assert await unit.role(owner.tenant.id, eve.account.id) is None
        assert await unit.member(owner.tenant.id, eve.account.id) is None
        assert await unit.role(eve.tenant.id, eve.account.id) is Role.OWNER


async def test_a_removed_member_is_gone_and_may_return(store: Store) -> None:
    owner = await add_owner(store)
    grace = await join(store, owner.tenant, Role.OWNER)
    async with store.write() as unit:
        await unit.remove_member(owner.tenant.id, grace.id)
        assert await unit.role(owner.tenant.id, grace.id) is None
        await unit.add_member(owner.tenant.id, grace.id, Role.VIEWER, NOW)
    async with store.read() as unit:
        assert await unit.role(owner.tenant.id, grace.id) is Role.VIEWER


async def test_a_user_is_a_member_once(store: Store) -> None:
    owner = await add_owner(store)
    with pytest.raises(AlreadyMember):
        async with store.write() as unit:
            await unit.add_member(owner.tenant.id, owner.account.id, Role.VIEWER, NOW)
    async with store.read() as unit:
        assert await unit.role(owner.tenant.id, owner.account.id) is Role.OWNER


async def test_owners_are_counted(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    await join(store, owner.tenant, Role.ADMIN)
    await join(store, owner.tenant, Role.OWNER)
    async with store.read() as unit:
        assert await unit.owner_count(owner.tenant.id) == 2
        assert await unit.owner_count(other.tenant.id) == 1


async def test_taken_slugs_are_those_of_any_tenant(store: Store) -> None:
    first, second = await add_owner(store), await add_owner(store)
    free = unique("tenant")
    async with store.read() as unit:
        assert await unit.taken_slugs([]) == set()
        taken = await unit.taken_slugs([first.tenant.slug, free, second.tenant.slug, first.tenant.slug])
    assert taken == {first.tenant.slug, second.tenant.slug}
