"""Tenants, their members and their audit logs."""

from __future__ import annotations

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import check_grant
from segops_auth.domain.values import AuditEntry, Member, Tenant
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.ports.tenants import SlugTaken
from segops_auth.service.accounts import slug_taken, tenant_created_event
from segops_auth.service.authorization import authorize, check_tenant_limit, lock_and_authorize, tenant_not_found
from segops_auth.service.invites import close_invites_of_removed
from segops_auth.service.paging import LARGEST, page, position
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page
from segops_common.core.problems import Conflict, NotFound
from segops_common.security.permissions import Role, Scope


class Tenants:
    """Manages tenants and their members. Every method raises NotFound if the actor is not a member of the tenant."""

    def __init__(self, *, store: Store, cache_invalidation: CacheInvalidation, clock: Clock) -> None:
        self._store = store
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def create(self, actor_id: int, *, slug: str, name: str, is_test: bool) -> Tenant:
        """Create a tenant that the actor owns. Raises Conflict (slug-taken or tenant-limit)."""
        now = self._clock.now()
        try:
            async with self._store.write() as unit:
                await check_tenant_limit(unit, actor_id)
                tenant = await unit.add_tenant(slug, name, now, is_test=is_test)
                await unit.add_member(tenant.id, actor_id, Role.OWNER, now)
                await unit.record(tenant.id, tenant_created_event(actor_id, tenant))
        except SlugTaken as error:
            raise slug_taken() from error
        await self._cache_invalidation.user_changed(actor_id)
        return tenant

    async def get(self, tenant_id: int, actor_id: int) -> Tenant:
        """Return the tenant. Every member may see it."""
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id)
            tenant = await unit.tenant(tenant_id)
        if tenant is None:
            raise tenant_not_found()
        return tenant

    async def change(self, tenant_id: int, actor_id: int, *, slug: str | None, name: str | None) -> Tenant:
        """Change the fields that are not None. Raises Forbidden, Conflict (slug-taken)."""
        try:
            async with self._store.write() as unit:
                await lock_and_authorize(unit, tenant_id, actor_id, Scope.TENANT_MANAGE)
                before = await unit.tenant(tenant_id)
                if before is None:
                    raise tenant_not_found()
                after = await unit.change_tenant(tenant_id, slug or before.slug, name or before.name)
                if after != before:
                    await unit.record(tenant_id, self._change_event(actor_id, before, after))
        except SlugTaken as error:
            raise slug_taken() from error
        return after

    async def members(self, tenant_id: int, actor_id: int, *, limit: int, cursor: str | None) -> Page[Member]:
        """Return the members by ascending user id. Every member may see them."""
        after = position(cursor, 0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id)
            members = await unit.members(tenant_id, after, limit + 1)
        return page(members, limit, lambda member: member.user_id)

    async def set_role(self, tenant_id: int, actor_id: int, user_id: int, role: Role) -> Member:
        """Change a member's role. Raises Forbidden, NotFound, Conflict (last-owner)."""
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            member = await _member(unit, tenant_id, user_id)
            check_grant(actor, member.role, role)
            if role is not Role.OWNER:
                await _check_owner_remains(unit, tenant_id, member)
            await unit.set_role(tenant_id, user_id, role)
            details = {"from": member.role.value, "to": role.value}
            await unit.record(tenant_id, self._member_event(actor_id, Action.MEMBER_ROLE_CHANGED, user_id, details))
        await self._cache_invalidation.user_changed(user_id)
        return Member(user_id=user_id, email=member.email, role=role, joined_at=member.joined_at)

    async def remove_member(self, tenant_id: int, actor_id: int, user_id: int) -> None:
        """Remove a member, or leave the tenant. Raises Forbidden, NotFound, Conflict (last-owner).

        API keys that the member created keep working. Open invites that they got or made are closed.
        """
        async with self._store.write() as unit:
            leaves = actor_id == user_id
            actor = await lock_and_authorize(unit, tenant_id, actor_id, None if leaves else Scope.MEMBERS_MANAGE)
            member = await _member(unit, tenant_id, user_id)
            check_grant(actor, member.role)
            await _check_owner_remains(unit, tenant_id, member)
            await unit.remove_member(tenant_id, user_id)
            details = {"role": member.role.value}
            await unit.record(tenant_id, self._member_event(actor_id, Action.MEMBER_REMOVED, user_id, details))
            await close_invites_of_removed(unit, tenant_id, member, actor_id, self._clock.now())
        await self._cache_invalidation.user_changed(user_id)

    async def audit_log(self, tenant_id: int, actor_id: int, *, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """Return the audit log, newest first. Raises Forbidden."""
        before = position(cursor, LARGEST)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.AUDIT_READ)
            entries = await unit.audit_log(tenant_id, before, limit + 1)
        return page(entries, limit, lambda entry: entry.number)

    def _member_event(self, actor_id: int, action: Action, user_id: int, details: dict[str, str]) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(), actor_id=actor_id, action=action, target=f"user:{user_id}", details=details
        )

    def _change_event(self, actor_id: int, before: Tenant, after: Tenant) -> AuditEvent:
        details: dict[str, str] = {}
        for field in ("slug", "name"):
            if getattr(before, field) != getattr(after, field):
                details |= {f"{field}_from": getattr(before, field), f"{field}_to": getattr(after, field)}
        return AuditEvent(
            at=self._clock.now(),
            actor_id=actor_id,
            action=Action.TENANT_UPDATED,
            target=f"tenant:{after.id}",
            details=details,
        )


async def _member(unit: WriteUnit, tenant_id: int, user_id: int) -> Member:
    member = await unit.member(tenant_id, user_id)
    if member is None:
        raise NotFound("There is no such member.")
    return member


async def _check_owner_remains(unit: WriteUnit, tenant_id: int, member: Member) -> None:
    if member.role is Role.OWNER and await unit.owner_count(tenant_id) == 1:
        raise Conflict("A tenant must keep at least one owner. Make another member an owner first.", slug="last-owner")
