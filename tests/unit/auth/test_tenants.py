"""Tenants, members, roles and the audit log, for every role."""

from __future__ import annotations

import asyncio

import pytest

from segops_auth.domain.audit_log import Action
from segops_auth.service.authorization import MAX_TENANTS_PER_USER
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import Problem
from segops_common.security.permissions import ROLE_SCOPES, Role, Scope
from tests.unit.auth.harness import START, MemoryAuth, slug_of

RANK = {Role.OWNER: 3, Role.ADMIN: 2, Role.MEMBER: 1, Role.VIEWER: 0}


def may(role: Role, scope: Scope) -> bool:
    return scope in ROLE_SCOPES[role]


@pytest.mark.parametrize("is_test", [False, True])
async def test_a_new_tenant_belongs_to_its_creator(memory: MemoryAuth, is_test: bool) -> None:
    ada = await memory.sign_up()
    tenant = await memory.auth.tenants.create(ada.id, slug="second", name="Second", is_test=is_test)
    assert (tenant.slug, tenant.name, tenant.is_test, tenant.created_at) == ("second", "Second", is_test, START)
    assert await memory.role(tenant, ada) is Role.OWNER
    assert memory.cache_invalidation.messages == [f"user:{ada.id}"]
    (entry,) = await memory.audit_log(tenant)
    assert entry.details == {"slug": "second", "is_test": str(is_test).lower()}


async def test_a_taken_slug_is_refused(memory: MemoryAuth) -> None:
    ada, bob = await memory.sign_up(), await memory.sign_up("bob")
    creation = memory.auth.tenants.create(bob.id, slug=ada.tenant.slug, name="Other", is_test=False)
    assert await slug_of(creation) == "slug-taken"
    change = memory.auth.tenants.change(bob.tenant.id, bob.id, slug=ada.tenant.slug, name=None)
    assert await slug_of(change) == "slug-taken"
    assert await memory.auth.tenants.get(bob.tenant.id, bob.id) == bob.tenant
    assert memory.cache_invalidation.messages == []


async def test_a_user_has_a_limited_number_of_tenants(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    for number in range(MAX_TENANTS_PER_USER - 1):
        await memory.auth.tenants.create(ada.id, slug=f"own-{number}", name="Own", is_test=False)
    creation = memory.auth.tenants.create(ada.id, slug="one-more", name="Own", is_test=False)
    assert await slug_of(creation) == "tenant-limit"


@pytest.mark.parametrize("role", Role)
async def test_what_each_role_may_see_and_change(memory: MemoryAuth, role: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, role)
    tenants = memory.auth.tenants
    assert await tenants.get(ada.tenant.id, actor.id) == ada.tenant
    assert (await tenants.members(ada.tenant.id, actor.id, PageQuery(limit=10))).results[0].user_id == ada.id
    calls = {
        Scope.TENANT_MANAGE: tenants.change(ada.tenant.id, actor.id, slug=None, name="New"),
        Scope.AUDIT_READ: tenants.audit_log(ada.tenant.id, actor.id, PageQuery(limit=10)),
    }
    for scope, call in calls.items():
        if may(role, scope):
            await call
        else:
            assert await slug_of(call) == "insufficient-role"


async def test_the_tenant_of_others_looks_absent(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    details = set()
    for tenant_id in (ada.tenant.id, 2**62, 0, -1):
        for call in (
            memory.auth.tenants.get(tenant_id, eve.id),
            memory.auth.tenants.change(tenant_id, eve.id, slug=None, name="New"),
            memory.auth.tenants.members(tenant_id, eve.id, PageQuery(limit=10)),
            memory.auth.tenants.set_role(tenant_id, eve.id, ada.id, Role.VIEWER),
            memory.auth.tenants.remove_member(tenant_id, eve.id, ada.id),
            memory.auth.tenants.remove_member(tenant_id, eve.id, eve.id),
            memory.auth.tenants.audit_log(tenant_id, eve.id, PageQuery(limit=10)),
        ):
            with pytest.raises(Problem) as refusal:
                await call
            details.add((refusal.value.slug, refusal.value.detail))
    assert len(details) == 1
    assert details.pop()[0] == "not-found"


async def test_a_change_is_recorded_field_by_field(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    changed = await memory.auth.tenants.change(ada.tenant.id, ada.id, slug="new", name=None)
    assert (changed.slug, changed.name) == ("new", "Ada")
    assert memory.cache_invalidation.messages == [f"tenant:{ada.tenant.id}"]
    await memory.auth.tenants.change(ada.tenant.id, ada.id, slug="new", name="New")
    assert memory.cache_invalidation.messages == [f"tenant:{ada.tenant.id}"], "only a slug concerns other services"
    assert [entry.details for entry in (await memory.audit_log(ada.tenant))[1:]] == [
        {"slug_from": "ada", "slug_to": "new"},
        {"name_from": "Ada", "name_to": "New"},
    ]


async def test_a_change_to_the_same_values_is_not_recorded(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    assert await memory.auth.tenants.change(ada.tenant.id, ada.id, slug="ada", name="Ada") == ada.tenant
    assert await memory.actions(ada.tenant) == ["tenant.created"]


async def test_members_come_in_pages(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    users = [ada, *[await memory.join(ada, role, f"{role}-too") for role in Role]]
    listed = []
    cursor: str | None = None
    for _ in range(3):
        page = await memory.auth.tenants.members(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor))
        listed += [(member.user_id, member.email, member.role) for member in page.results]
        cursor = page.next_cursor
    roles = [Role.OWNER, *Role]
    assert listed == [(user.id, user.email, role) for user, role in zip(users, roles, strict=True)]
    assert cursor is None


@pytest.mark.parametrize("new", Role)
@pytest.mark.parametrize("current", Role)
@pytest.mark.parametrize("actor_role", Role)
async def test_a_role_changes_roles_up_to_itself(
    memory: MemoryAuth, actor_role: Role, current: Role, new: Role
) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, actor_role)
    target = await memory.join(ada, current, "target")
    call = memory.auth.tenants.set_role(ada.tenant.id, actor.id, target.id, new)
    if may(actor_role, Scope.MEMBERS_MANAGE) and max(RANK[current], RANK[new]) <= RANK[actor_role]:
        member = await call
        assert (member.user_id, member.email, member.role, member.joined_at) == (target.id, target.email, new, START)
        assert await memory.role(ada.tenant, target) is new
        assert memory.cache_invalidation.messages == [f"user:{target.id}"]
        entry = (await memory.audit_log(ada.tenant))[-1]
        assert (entry.action, entry.details) == ("member.role_changed", {"from": current, "to": new})
    else:
        assert await slug_of(call) == "insufficient-role"
        assert await memory.role(ada.tenant, target) is current
        assert memory.cache_invalidation.messages == []


@pytest.mark.parametrize("current", Role)
@pytest.mark.parametrize("actor_role", Role)
async def test_a_role_removes_members_up_to_itself(memory: MemoryAuth, actor_role: Role, current: Role) -> None:
    ada = await memory.sign_up()
    actor = await memory.member_of(ada, actor_role)
    target = await memory.join(ada, current, "target")
    call = memory.auth.tenants.remove_member(ada.tenant.id, actor.id, target.id)
    if may(actor_role, Scope.MEMBERS_MANAGE) and RANK[current] <= RANK[actor_role]:
        await call
        assert await memory.role(ada.tenant, target) is None
        assert memory.cache_invalidation.messages == [f"user:{target.id}"]
        entry = (await memory.audit_log(ada.tenant))[-1]
        assert (entry.action, entry.actor_id, entry.details) == ("member.removed", actor.id, {"role": current})
    else:
        assert await slug_of(call) == "insufficient-role"
        assert await memory.role(ada.tenant, target) is current


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
async def test_any_member_may_leave(memory: MemoryAuth, role: Role) -> None:
    ada = await memory.sign_up()
    member = await memory.join(ada, role)
    await memory.auth.tenants.remove_member(ada.tenant.id, member.id, member.id)
    assert await memory.role(ada.tenant, member) is None
    assert await slug_of(memory.auth.tenants.get(ada.tenant.id, member.id)) == "not-found"


async def test_a_user_who_is_not_a_member_is_not_found(memory: MemoryAuth) -> None:
    ada, eve = await memory.sign_up(), await memory.sign_up("eve")
    for user_id in (eve.id, 2**62, 0, -1):
        change = memory.auth.tenants.set_role(ada.tenant.id, ada.id, user_id, Role.VIEWER)
        removal = memory.auth.tenants.remove_member(ada.tenant.id, ada.id, user_id)
        assert [await slug_of(change), await slug_of(removal)] == ["not-found"] * 2


async def test_the_last_owner_stays(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    tenants = memory.auth.tenants
    assert await slug_of(tenants.remove_member(ada.tenant.id, ada.id, ada.id)) == "last-owner"
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        assert await slug_of(tenants.set_role(ada.tenant.id, ada.id, ada.id, role)) == "last-owner"
    await tenants.set_role(ada.tenant.id, ada.id, ada.id, Role.OWNER)
    grace = await memory.join(ada, Role.OWNER)
    await tenants.set_role(ada.tenant.id, grace.id, ada.id, Role.ADMIN)
    assert await slug_of(tenants.remove_member(ada.tenant.id, grace.id, grace.id)) == "last-owner"


async def test_of_two_owners_who_leave_concurrently_one_stays(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    grace = await memory.join(ada, Role.OWNER)
    outcomes = await asyncio.gather(
        *(memory.auth.tenants.remove_member(ada.tenant.id, user.id, user.id) for user in (ada, grace)),
        return_exceptions=True,
    )
    assert [outcome.slug for outcome in outcomes if isinstance(outcome, Problem)] == ["last-owner"]


async def test_a_new_role_counts_at_once(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    grace = await memory.join(ada, Role.VIEWER)
    listing = memory.auth.tenants.audit_log(ada.tenant.id, grace.id, PageQuery(limit=10))
    assert await slug_of(listing) == "insufficient-role"
    await memory.auth.tenants.set_role(ada.tenant.id, ada.id, grace.id, Role.ADMIN)
    page = await memory.auth.tenants.audit_log(ada.tenant.id, grace.id, PageQuery(limit=10))
    assert page.results[0].action == "member.role_changed"


async def test_the_audit_log_comes_in_pages_newest_first(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    for number in range(4):
        await memory.auth.tenants.change(ada.tenant.id, ada.id, slug=f"slug-{number}", name=None)
    numbers: list[int] = []
    cursor: str | None = None
    for _ in range(3):
        page = await memory.auth.tenants.audit_log(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor))
        numbers += [entry.number for entry in page.results]
        cursor = page.next_cursor
    assert (numbers, cursor) == ([5, 4, 3, 2, 1], None)


@pytest.mark.parametrize("cursor", ["x", "WzFd0", "WyJhIl0", "WzEsMl0", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "Wy0xXQ"])
async def test_an_invented_cursor_is_refused(memory: MemoryAuth, cursor: str) -> None:
    ada = await memory.sign_up()
    for listing in (
        memory.auth.tenants.members(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor)),
        memory.auth.tenants.audit_log(ada.tenant.id, ada.id, PageQuery(limit=2, cursor=cursor)),
    ):
        assert await slug_of(listing) == "invalid-cursor"


async def test_what_another_service_did_is_recorded(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()

    async def record(tenant_id: int) -> None:
        await memory.auth.tenants.record(
            tenant_id, actor_id=None, action=Action.IDENTITY_MERGED, target="merge:1", details={"by": "api_key:3"}
        )

    await record(ada.tenant.id)
    entry = (await memory.audit_log(ada.tenant))[-1]
    assert (entry.actor_id, entry.action, entry.target) == (None, "identity.merged", "merge:1")
    assert entry.details == {"by": "api_key:3"}
    assert await slug_of(record(2**40)) == "not-found"


async def test_an_owner_decides_whether_unsigned_ids_join(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    tenants = memory.auth.tenants
    changed = await tenants.change(ada.tenant.id, ada.id, slug=None, name=None, joins_unsigned_ids=False)
    assert (ada.tenant.joins_unsigned_ids, changed.joins_unsigned_ids) == (True, False)
    assert memory.cache_invalidation.messages == [f"tenant:{ada.tenant.id}"]
    assert (await memory.audit_log(ada.tenant))[-1].details == {"join_unsigned_ids": "false"}
    renamed = await tenants.change(ada.tenant.id, ada.id, slug=None, name="New")
    assert (renamed.name, renamed.joins_unsigned_ids) == ("New", False)
