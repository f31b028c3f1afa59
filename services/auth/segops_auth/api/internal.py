"""Routes for the other services, with the service token. Neither the gateway nor the OpenAPI document has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from segops_auth.api.dependencies import UseCases, state_of
from segops_auth.api.schemas.fields import MAX_ID
from segops_auth.domain.audit_log import Action
from segops_auth.service.api_keys import IntrospectedKey
from segops_common.contracts.http import (
    AUDIT_PATH,
    INTROSPECT_PATH,
    KEY_OWNER_PATH,
    SESSION_KEY_PATH,
    AuditRequest,
    IntrospectRequest,
    KeyIntrospection,
    KeyOwnership,
    Memberships,
    SandboxTenant,
    SessionKeyRequest,
    TenantMembership,
)
from segops_common.core.problems import NotFound
from segops_common.web.services_only import internal_router

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
SessionId = Annotated[int | None, Query(ge=1, le=MAX_ID)]
router: APIRouter = internal_router(lambda request: state_of(request).service_tokens)


@router.post(INTROSPECT_PATH)
async def introspect_key(auth: UseCases, body: IntrospectRequest) -> KeyIntrospection:
    """Return the tenant, scopes and origins of an active API key, and how long its secret still works."""
    return _introspection(await auth.api_keys.introspect(body.key))


@router.post(SESSION_KEY_PATH)
async def introspect_session_key(auth: UseCases, body: SessionKeyRequest) -> KeyIntrospection:
    """Return the same for the key that began a session."""
    return _introspection(await auth.api_keys.introspect_hash(body.key_hash))


@router.post(KEY_OWNER_PATH)
async def find_key_owner(auth: UseCases, body: IntrospectRequest) -> KeyOwnership:
    """Return whose API key this is or was, so that its refusals can be shown to that tenant."""
    owner = await auth.api_keys.owner(body.key)
    return KeyOwnership() if owner is None else KeyOwnership(tenant_id=owner[0], key_id=owner[1])


@router.get("/internal/tenants/{tenant_id}/test-tenant/")
async def find_test_tenant(auth: UseCases, tenant_id: Id) -> SandboxTenant:
    """Return the test tenant of a tenant, or the tenant itself if it is one."""
    return SandboxTenant(tenant_id=await auth.tenants.test_tenant(tenant_id))


@router.post(AUDIT_PATH, status_code=204)
async def append_to_audit_log(auth: UseCases, body: AuditRequest) -> None:
    """Append what another service did. The response is 404 for an unknown tenant, and 422 for an unknown action."""
    await auth.tenants.record(
        body.tenant_id,
        actor_id=body.actor_id,
        action=Action(body.action),
        target=body.target,
        details=body.details,
    )


@router.get("/internal/users/{user_id}/memberships/")
async def list_memberships(auth: UseCases, user_id: Id, session: SessionId = None) -> Memberships:
    """Return a user's role in each of their tenants, unless the session has ended."""
    tenants = await auth.accounts.joined_tenants(user_id, session)
    if tenants is None:
        raise NotFound("There is no such user or session.")
    return Memberships(
        memberships=tuple(
            TenantMembership(tenant_id=joined.tenant.id, role=joined.role.value, slug=joined.tenant.slug)
            for joined in tenants
        )
    )


def _introspection(introspected: IntrospectedKey | None) -> KeyIntrospection:
    if introspected is None:
        return KeyIntrospection(active=False)
    key = introspected.key
    return KeyIntrospection(
        active=True,
        key_id=key.id,
        tenant_id=key.tenant_id,
        tenant_slug=introspected.tenant_slug,
        kind=key.kind.value,
        scopes=tuple(sorted(key.scopes)),
        allowed_origins=key.allowed_origins,
        requires_signed_user_id=key.requires_signed_user_id,
        joins_unsigned_ids=introspected.joins_unsigned_ids,
        expires_in_s=introspected.remaining_s,
    )
