"""Routes for the other services, with the service token. Neither the gateway nor the OpenAPI document has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from segops_auth.api.dependencies import UseCases, state_of
from segops_auth.api.schemas.fields import MAX_ID
from segops_common.contracts.http import (
    INTROSPECT_PATH,
    IntrospectRequest,
    KeyIntrospection,
    Memberships,
    TenantMembership,
)
from segops_common.core.problems import NotFound
from segops_common.web.services_only import internal_router

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]
SessionId = Annotated[int | None, Query(ge=1, le=MAX_ID)]
router: APIRouter = internal_router(lambda request: state_of(request).service_token)


@router.post(INTROSPECT_PATH)
async def introspect_key(auth: UseCases, body: IntrospectRequest) -> KeyIntrospection:
    """Return the tenant, scopes and origins of an active API key, and how long its secret still works."""
    secret = await auth.api_keys.introspect(body.key)
    if secret is None:
        return KeyIntrospection(active=False)
    key = secret.key
    return KeyIntrospection(
        active=True,
        key_id=key.id,
        tenant_id=key.tenant_id,
        kind=key.kind.value,
        scopes=tuple(sorted(key.scopes)),
        allowed_origins=key.allowed_origins,
        expires_in_s=auth.api_keys.remaining_s(secret),
    )


@router.get("/internal/users/{user_id}/memberships/")
async def list_memberships(auth: UseCases, user_id: UserId, session: SessionId = None) -> Memberships:
    """Return a user's role in each of their tenants, unless the session has ended."""
    tenants = await auth.accounts.joined_tenants(user_id, session)
    if tenants is None:
        raise NotFound("There is no such user or session.")
    return Memberships(
        memberships=tuple(TenantMembership(tenant_id=joined.tenant.id, role=joined.role.value) for joined in tenants)
    )
