"""For the other services, with the service token; never behind the gateway, and not in the public document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

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
router: APIRouter = internal_router(lambda request: state_of(request).service_token)


@router.post(INTROSPECT_PATH)
async def introspect_key(auth: UseCases, body: IntrospectRequest) -> KeyIntrospection:
    """What an API key may do, if it works."""
    key = await auth.api_keys.introspect(body.key)
    if key is None:
        return KeyIntrospection(active=False)
    return KeyIntrospection(
        active=True,
        key_id=key.id,
        tenant_id=key.tenant_id,
        kind=key.kind.value,
        scopes=tuple(sorted(key.scopes)),
        allowed_origins=key.allowed_origins,
    )


@router.get("/internal/users/{user_id}/memberships/")
async def list_memberships(auth: UseCases, user_id: UserId) -> Memberships:
    """A person's role in each of their tenants."""
    joined_tenants = await auth.accounts.joined_tenants(user_id)
    if joined_tenants is None:
        raise NotFound("There is no such person.")
    return Memberships(
        memberships=tuple(TenantMembership(tenant_id=item.tenant.id, role=item.role.value) for item in joined_tenants)
    )
