"""Routes of tenants, members and audit logs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from segops_auth.api.audit_filter import AuditFilterParams
from segops_auth.api.dependencies import (
    AnyUser,
    ClientAddress,
    Id,
    UseCases,
    UserManagingMembers,
    UserManagingTenant,
    UserReadingAuditLog,
)
from segops_auth.api.schemas.tenants import (
    AuditEntryRead,
    AuditLog,
    CreateTenant,
    MemberList,
    MemberRead,
    SlugAvailability,
    TenantRead,
    UpdateMember,
    UpdateTenant,
)
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems

MAX_CHECKED_CHARS: Final = 200
router: APIRouter = new_router(prefix=f"{AUTH_PREFIX}/tenants", tags=["tenants"])


@router.post("/", summary="Create a tenant", status_code=201, responses=problems(403, 404, 409))
async def create_tenant(auth: UseCases, caller: AnyUser, body: CreateTenant, response: Response) -> TenantRead:
    """Create a tenant. The caller becomes its owner.

    A test tenant with `test_of` gets the events that are published to the sandbox of that tenant.
    """
    tenant = await auth.tenants.create(
        caller.user_id, slug=body.slug, name=body.name, is_test=body.is_test, test_of=body.test_of
    )
    response.headers["Location"] = f"{AUTH_PREFIX}/tenants/{tenant.id}/"
    return TenantRead.of(tenant)


@router.get("/slug-check/", summary="Check a slug", responses=problems(429))
async def check_slug(
    auth: UseCases,
    address: ClientAddress,
    slug: Annotated[str, Query(min_length=1, max_length=MAX_CHECKED_CHARS, examples=["acme"])],
) -> SlugAvailability:
    """Return whether a new tenant can have this slug, and a similar one if it cannot. Needs no credential.

    The slug is not reserved. A network address may ask 120 times in a minute.
    """
    return SlugAvailability.of(await auth.tenants.check_slug(slug, address))


@router.get("/{tenant_id}/", summary="Get a tenant")
async def get_tenant(auth: UseCases, caller: AnyUser, tenant_id: Id) -> TenantRead:
    """Return a tenant that the caller is a member of. For other callers the response is 404."""
    return TenantRead.of(await auth.tenants.get(tenant_id, caller.user_id))


@router.patch("/{tenant_id}/", summary="Change a tenant", responses=problems(409))
async def update_tenant(auth: UseCases, caller: UserManagingTenant, tenant_id: Id, body: UpdateTenant) -> TenantRead:
    """Change name, slug or a setting. Fields that are left out keep their values. A setting takes effect within 30 seconds."""
    tenant = await auth.tenants.change(
        tenant_id, caller.user_id, slug=body.slug, name=body.name, joins_unsigned_ids=body.join_unsigned_ids
    )
    return TenantRead.of(tenant)


@router.get("/{tenant_id}/members/", summary="List members")
async def list_members(auth: UseCases, caller: AnyUser, tenant_id: Id, page: PageParams) -> MemberList:
    """Return the members by ascending user id. Every member may see the list."""
    return MemberList.of(await auth.tenants.members(tenant_id, caller.user_id, page), page, MemberRead.of)


@router.patch("/{tenant_id}/members/{user_id}/", summary="Change a member's role", responses=problems(409))
async def update_member(
    auth: UseCases, caller: UserManagingMembers, tenant_id: Id, user_id: Id, body: UpdateMember
) -> MemberRead:
    """Change a member's role. Both the current and the new role must not be above the caller's own.

    A tenant keeps at least one owner.
    """
    return MemberRead.of(await auth.tenants.set_role(tenant_id, caller.user_id, user_id, body.role))


@router.delete(
    "/{tenant_id}/members/{user_id}/", summary="Remove a member", status_code=204, responses=problems(403, 409)
)
async def remove_member(auth: UseCases, caller: AnyUser, tenant_id: Id, user_id: Id) -> None:
    """Remove a member, or leave the tenant. Removing another member requires `members:manage`.

    API keys that the member created keep working: they belong to the tenant. Open invites that they got or made are
    withdrawn.
    """
    await auth.tenants.remove_member(tenant_id, caller.user_id, user_id)


@router.get("/{tenant_id}/audit-log/", summary="Read the audit log")
async def list_audit_log(
    auth: UseCases, caller: UserReadingAuditLog, tenant_id: Id, page: PageParams, only: AuditFilterParams
) -> AuditLog:
    """Return what was done in the tenant, newest first, all of it or what the parameters select.

    Entries are never changed or deleted.

    `hash` is the SHA-256 of the JSON array `[previous_hash, tenant id, number, at, actor_id, action, target, details]`,
    encoded in UTF-8 without spaces. The keys of `details` are sorted, and `at` is in UTC with microseconds, as in
    `2026-01-31T09:00:00.000000+00:00`. `previous_hash` of the first entry is 64 zeros.
    """
    return AuditLog.of(await auth.tenants.audit_log(tenant_id, caller.user_id, page, only), page, AuditEntryRead.of)
