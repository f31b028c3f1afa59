"""Tenants, their members and their audit logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segops_auth.domain.audit_log import EVERY_ENTRY, Action, AuditEvent, AuditFilter
from segops_auth.domain.grants import check_grant
from segops_auth.domain.slug import slug_fault, slug_suggestions
from segops_auth.domain.values import AuditEntry, Member, Tenant
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.ports.tenants import SlugTaken
from segops_auth.service.accounts import slug_taken, tenant_created_event
from segops_auth.service.authorization import authorize, check_tenant_limit, lock_and_authorize, tenant_not_found
from segops_auth.service.invites import close_invites_of_removed
from segops_common.core.clock import Clock
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import Conflict, NotFound
from segops_common.core.rate_limit import Limit, Throttle
from segops_common.security.permissions import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SlugCheck:
    """Whether a new tenant can have a slug."""

    slug: str
    fault: str | None
    """Why it cannot, or None."""
    suggestion: str | None
    """A similar slug that is available, or None: also if the slug itself is available."""


class Tenants:
    """Manages tenants and their members. Every method raises NotFound if the actor is not a member of the tenant."""

    def __init__(
        self,
        *,
        store: Store,
        throttle: Throttle,
        slug_checks_per_address: Limit,
        cache_invalidation: CacheInvalidation,
        clock: Clock,
    ) -> None:
        self._store = store
        self._throttle = throttle
        self._slug_checks_per_address = slug_checks_per_address
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def create(self, actor_id: int, *, slug: str, name: str, is_test: bool, test_of: int | None = None) -> Tenant:
        """Create a tenant that the actor owns, as the test tenant of `test_of` if that is given.

        Raises Conflict (slug-taken, tenant-limit or test-tenant-exists); NotFound, Forbidden for `test_of`.
        """
        now = self._clock.now()
        try:
            async with self._store.write() as unit:
                if test_of is not None:
                    await _check_has_no_test_tenant(unit, test_of, actor_id)
                await check_tenant_limit(unit, actor_id)
                tenant = await unit.add_tenant(slug, name, now, is_test=is_test)
                await unit.add_member(tenant.id, actor_id, Role.OWNER, now)
                await unit.record(tenant.id, tenant_created_event(actor_id, tenant))
                if test_of is not None:
                    await unit.set_test_tenant(test_of, tenant.id)
                    await unit.record(test_of, self._test_tenant_event(actor_id, test_of, tenant))
        except SlugTaken as error:
            raise slug_taken() from error
        await self._cache_invalidation.user_changed(actor_id)
        return tenant

    async def check_slug(self, slug: str, address: str | None) -> SlugCheck:
        """Return whether a new tenant can have the slug. `address` is limited; None is not. Raises RateLimited."""
        if address is not None:
            await self._throttle.consume(self._slug_checks_per_address, address)
        suggestions = list(slug_suggestions(slug))
        async with self._store.read() as unit:
            # The slug itself is the first suggestion if its form is right. Other text never reaches the database.
            taken = await unit.taken_slugs(suggestions)
        fault = slug_fault(slug) or ("must not be the slug of another tenant" if slug in taken else None)
        free = None if fault is None else next((name for name in suggestions if name not in taken), None)
        return SlugCheck(slug=slug, fault=fault, suggestion=free)

    async def record(
        self, tenant_id: int, *, actor_id: int | None, action: Action, target: str, details: Mapping[str, str]
    ) -> None:
        """Append what another service did to the audit log. It has checked the caller. Raises NotFound."""
        event = AuditEvent(at=self._clock.now(), actor_id=actor_id, action=action, target=target, details=details)
        async with self._store.write() as unit:
            if not await unit.lock_tenant(tenant_id):
                raise tenant_not_found()
            await unit.record(tenant_id, event)

    async def test_tenant(self, tenant_id: int) -> int | None:
        """Return the test tenant of a tenant, or the tenant itself if it is one. None without one."""
        async with self._store.read() as unit:
            tenant = await unit.tenant(tenant_id)
        if tenant is None:
            return None
        return tenant.id if tenant.is_test else tenant.test_tenant_id

    async def get(self, tenant_id: int, actor_id: int) -> Tenant:
        """Return the tenant. Every member may see it."""
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id)
            tenant = await unit.tenant(tenant_id)
        if tenant is None:
            raise tenant_not_found()
        return tenant

    async def change(
        self,
        tenant_id: int,
        actor_id: int,
        *,
        slug: str | None,
        name: str | None,
        joins_unsigned_ids: bool | None = None,
    ) -> Tenant:
        """Change the fields that are not None. Raises Forbidden, Conflict (slug-taken)."""
        try:
            async with self._store.write() as unit:
                await lock_and_authorize(unit, tenant_id, actor_id, Scope.TENANT_MANAGE)
                before = await unit.tenant(tenant_id)
                if before is None:
                    raise tenant_not_found()
                joins = before.joins_unsigned_ids if joins_unsigned_ids is None else joins_unsigned_ids
                after = await unit.change_tenant(
                    tenant_id, slug or before.slug, name or before.name, joins_unsigned_ids=joins
                )
                if after != before:
                    await unit.record(tenant_id, self._change_event(actor_id, before, after))
        except SlugTaken as error:
            raise slug_taken() from error
        if (after.slug, after.joins_unsigned_ids) != (before.slug, before.joins_unsigned_ids):
            await self._cache_invalidation.tenant_changed(tenant_id)
        return after

    async def members(self, tenant_id: int, actor_id: int, query: PageQuery) -> Page[Member]:
        """Return the members by ascending user id. Every member may see them."""
        after = id_position(query, start=0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id)
            count = await unit.member_count(tenant_id)
            members = await unit.members(tenant_id, after, query.limit + 1, offset=query.offset)
        return page_of(members, query, lambda member: member.user_id, count=count)

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

    async def audit_log(
        self, tenant_id: int, actor_id: int, query: PageQuery, only: AuditFilter = EVERY_ENTRY
    ) -> Page[AuditEntry]:
        """Return the entries that the filter selects, newest first. Raises Forbidden."""
        before = id_position(query, start=LARGEST_ID)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.AUDIT_READ)
            # Numbers have no gaps, so the newest one is the count.
            is_whole = only == EVERY_ENTRY
            count = (await unit.audit_head(tenant_id)).number if is_whole else await unit.audit_count(tenant_id, only)
            entries = await unit.audit_log(tenant_id, before, query.limit + 1, offset=query.offset, only=only)
        return page_of(entries, query, lambda entry: entry.number, count=count)

    def _member_event(self, actor_id: int, action: Action, user_id: int, details: dict[str, str]) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(), actor_id=actor_id, action=action, target=f"user:{user_id}", details=details
        )

    def _test_tenant_event(self, actor_id: int, tenant_id: int, test_tenant: Tenant) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(),
            actor_id=actor_id,
            action=Action.TENANT_UPDATED,
            target=f"tenant:{tenant_id}",
            details={"test_tenant": str(test_tenant.id)},
        )

    def _change_event(self, actor_id: int, before: Tenant, after: Tenant) -> AuditEvent:
        details: dict[str, str] = {}
        for field in ("slug", "name"):
            if getattr(before, field) != getattr(after, field):
                details |= {f"{field}_from": getattr(before, field), f"{field}_to": getattr(after, field)}
        if before.joins_unsigned_ids != after.joins_unsigned_ids:
            details["join_unsigned_ids"] = str(after.joins_unsigned_ids).lower()
        return AuditEvent(
            at=self._clock.now(),
            actor_id=actor_id,
            action=Action.TENANT_UPDATED,
            target=f"tenant:{after.id}",
            details=details,
        )


async def _check_has_no_test_tenant(unit: WriteUnit, tenant_id: int, actor_id: int) -> None:
    """Lock the tenant. Raises Conflict if it is a test tenant or has one, and what the authorization raises."""
    await lock_and_authorize(unit, tenant_id, actor_id, Scope.TENANT_MANAGE)
    tenant = await unit.tenant(tenant_id)
    if tenant is None:
        raise tenant_not_found()
    if tenant.is_test or tenant.test_tenant_id is not None:
        raise Conflict("`test_of` must be a live tenant without a test tenant.", slug="test-tenant-exists")


async def _member(unit: WriteUnit, tenant_id: int, user_id: int) -> Member:
    member = await unit.member(tenant_id, user_id)
    if member is None:
        raise NotFound("There is no such member.")
    return member


async def _check_owner_remains(unit: WriteUnit, tenant_id: int, member: Member) -> None:
    if member.role is Role.OWNER and await unit.owner_count(tenant_id) == 1:
        raise Conflict("A tenant must keep at least one owner. Make another member an owner first.", slug="last-owner")
