"""API keys."""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import Id, TenantQuery, UseCases, UserManagingKeys
from segops_auth.api.schemas.api_keys import (
    ApiKeyCreated,
    ApiKeyList,
    ApiKeyRead,
    CreateApiKey,
    RotateApiKey,
    UpdateApiKey,
)
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.security.permissions import KeyKind, Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.idempotency import answers_with_a_secret
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=f"{AUTH_PREFIX}/api-keys", tags=["api-keys"])


@router.get("/", summary="List API keys")
async def list_api_keys(auth: UseCases, caller: UserManagingKeys, tenant: TenantQuery, page: PageParams) -> ApiKeyList:
    """Keys of the tenant that are not revoked, by rising id, without their secrets."""
    caller.require(tenant, Scope.KEYS_MANAGE)
    found = await auth.api_keys.list_active(tenant, caller.user_id, limit=page.limit, cursor=page.cursor)
    return ApiKeyList.of(found)


@router.post("/", summary="Create an API key", status_code=201)
@answers_with_a_secret
async def create_api_key(auth: UseCases, caller: UserManagingKeys, body: CreateApiKey) -> ApiKeyCreated:
    """The only time that the secret is shown. A key cannot do more than the caller's role may."""
    caller.require(body.tenant, Scope.KEYS_MANAGE)
    key, secret = await auth.api_keys.create(
        body.tenant,
        caller.user_id,
        name=body.name,
        kind=body.kind or KeyKind.SECRET,
        scopes=body.scopes,
        allowed_origins=body.allowed_origins or (),
    )
    return ApiKeyCreated.with_secret(key, secret)


@router.patch("/{key_id}/", summary="Change where an API key may be used")
async def update_api_key(auth: UseCases, caller: UserManagingKeys, key_id: Id, body: UpdateApiKey) -> ApiKeyRead:
    """The list replaces the one before: within a second everywhere, within 30 seconds when Redis is away."""
    return ApiKeyRead.of(await auth.api_keys.set_origins(key_id, caller.user_id, body.allowed_origins))


@router.delete("/{key_id}/", summary="Revoke an API key", status_code=204)
async def revoke_api_key(auth: UseCases, caller: UserManagingKeys, key_id: Id) -> None:
    """Both its secrets stop working: within a second everywhere, within 30 seconds when Redis is away."""
    await auth.api_keys.revoke(key_id, caller.user_id)


@router.post("/{key_id}/rotate/", summary="Rotate an API key", responses=problems(409))
@answers_with_a_secret
async def rotate_api_key(
    auth: UseCases, caller: UserManagingKeys, key_id: Id, body: RotateApiKey | None = None
) -> ApiKeyCreated:
    """Gives the key another secret, shown this once; id, name and scopes stay.

    The secret of before goes on working for `overlap_seconds`, a day unless said otherwise, so that programs can be
    moved over; with 0 it stops at once. One from an earlier rotation stops in any case.
    """
    overlap = (body or RotateApiKey()).overlap
    return ApiKeyCreated.with_secret(*await auth.api_keys.rotate(key_id, caller.user_id, overlap=overlap))
