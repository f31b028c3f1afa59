"""Tenants, members and the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Response

from segops_auth.api.dependencies import (
    Id,
    SignedInUser,
    UseCases,
    UserManagingMembers,
    UserManagingTenant,
    UserReadingAuditLog,
)
from segops_auth.api.schemas.accounts import (
    AuditLog,
    CreateTenant,
    MemberList,
    MemberRead,
    TenantRead,
    UpdateMember,
    UpdateTenant,
)
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=f"{AUTH_PREFIX}/tenants", tags=["tenants"])


@router.post("/", summary="Create a tenant", status_code=201, responses=problems(409))
async def create_tenant(auth: UseCases, caller: SignedInUser, body: CreateTenant, response: Response) -> TenantRead:
    """The caller becomes its owner."""
    tenant = await auth.tenants.create(caller.user_id, slug=body.slug, name=body.name, is_test=body.is_test)
    response.headers["Location"] = f"{AUTH_PREFIX}/tenants/{tenant.id}/"
    return TenantRead.of(tenant)


@router.get("/{tenant_id}/", summary="Read a tenant")
async def get_tenant(auth: UseCases, caller: SignedInUser, tenant_id: Id) -> TenantRead:
    """Any member may; to others a tenant does not exist."""
    return TenantRead.of(await auth.tenants.get(tenant_id, caller.user_id))


@router.patch("/{tenant_id}/", summary="Change a tenant", responses=problems(409))
async def update_tenant(auth: UseCases, caller: UserManagingTenant, tenant_id: Id, body: UpdateTenant) -> TenantRead:
    """Fields that are left out stay as they are."""
    return TenantRead.of(await auth.tenants.change(tenant_id, caller.user_id, slug=body.slug, name=body.name))


@router.get("/{tenant_id}/members/", summary="List members")
async def list_members(auth: UseCases, caller: SignedInUser, tenant_id: Id, page: PageParams) -> MemberList:
    """Any member may; by rising user id."""
    found = await auth.tenants.members(tenant_id, caller.user_id, limit=page.limit, cursor=page.cursor)
    return MemberList.of(found)


@router.patch("/{tenant_id}/members/{user_id}/", summary="Change a member's role", responses=problems(409))
async def update_member(
    auth: UseCases, caller: UserManagingMembers, tenant_id: Id, user_id: Id, body: UpdateMember
) -> MemberRead:
    """Nobody gives or takes a role above their own; a tenant keeps at least one owner."""
    return MemberRead.of(await auth.tenants.set_role(tenant_id, caller.user_id, user_id, body.role))


@router.delete(
    "/{tenant_id}/members/{user_id}/", summary="Remove a member", status_code=204, responses=problems(403, 409)
)
async def remove_member(auth: UseCases, caller: SignedInUser, tenant_id: Id, user_id: Id) -> None:
    """Needs `members:manage`, except to leave. API keys that the person made stay: they are the tenant's."""
    await auth.tenants.remove_member(tenant_id, caller.user_id, user_id)


@router.get("/{tenant_id}/audit-log/", summary="Read the audit log")
async def list_audit_log(auth: UseCases, caller: UserReadingAuditLog, tenant_id: Id, page: PageParams) -> AuditLog:
    """What was done in the tenant, newest first; entries are never changed.

    `hash` is the SHA-256 of the JSON array `[previous_hash, tenant id, number, at, actor_id, action, target, details]`
    in UTF-8, without spaces, `details` with sorted keys, `at` in UTC to the microsecond as
    `2026-01-31T09:00:00.000000+00:00`. The first entry follows 64 zeros.
    """
    found = await auth.tenants.audit_log(tenant_id, caller.user_id, limit=page.limit, cursor=page.cursor)
    return AuditLog.of(found)
