"""Routes of API keys. Only users with the scope `keys:manage` may call them; an API key gets 401.

`security/permissions.py` of the common library lists the roles that have the scope, `service/authorization.py` checks it.
"""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import Id, UseCases, UserManagingKeys
from segops_auth.api.schemas.api_keys import (
    ApiKeyChanged,
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
from segops_common.web.dependencies import PageParams, TenantParams
from segops_common.web.idempotency import answers_with_a_secret, may_answer_with_a_secret
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=f"{AUTH_PREFIX}/api-keys", tags=["api-keys"])


@router.get("/", summary="List API keys")
async def list_api_keys(auth: UseCases, caller: UserManagingKeys, choice: TenantParams, page: PageParams) -> ApiKeyList:
    """Return the tenant's active keys by ascending id, without their secrets."""
    tenant = choice.required(caller, Scope.KEYS_MANAGE)
    return ApiKeyList.of(await auth.api_keys.list_active(tenant, caller.user_id, page), page, ApiKeyRead.of)


@router.post("/", summary="Create an API key", status_code=201)
@answers_with_a_secret
async def create_api_key(auth: UseCases, caller: UserManagingKeys, body: CreateApiKey) -> ApiKeyCreated:
    """Create a key and return its secret, which is shown only once. A key cannot have scopes that the caller lacks."""
    key, secret = await auth.api_keys.create(
        body.tenant_of(caller, Scope.KEYS_MANAGE),
        caller.user_id,
        name=body.name,
        kind=body.kind or KeyKind.SECRET,
        scopes=body.scopes,
        allowed_origins=body.allowed_origins or (),
        require_signed_user_id=body.require_signed_user_id,
    )
    return ApiKeyCreated.with_secrets(key, secret, auth.api_keys.user_id_secret(key, secret))


@router.patch("/{key_id}/", summary="Change an API key", responses=problems(409))
@may_answer_with_a_secret("hmac_secret")
async def update_api_key(auth: UseCases, caller: UserManagingKeys, key_id: Id, body: UpdateApiKey) -> ApiKeyChanged:
    """Replace the list of origins, or require signed user ids from now on, or no longer.

    Every service applies it within a second, or within 30 seconds if Redis is down. A new `hmac_secret` is shown only once.
    """
    key, hmac_secret = await auth.api_keys.change(
        key_id,
        caller.user_id,
        allowed_origins=body.allowed_origins,
        require_signed_user_id=body.require_signed_user_id,
    )
    return ApiKeyChanged.with_hmac_secret(key, hmac_secret)


@router.delete("/{key_id}/", summary="Revoke an API key", status_code=204)
async def revoke_api_key(auth: UseCases, caller: UserManagingKeys, key_id: Id) -> None:
    """Revoke the key, including a previous secret that still works.

    Every service refuses it within a second, or within 30 seconds if Redis is down.
    """
    await auth.api_keys.revoke(key_id, caller.user_id)


@router.post("/{key_id}/rotate/", summary="Rotate an API key", responses=problems(409))
@answers_with_a_secret
async def rotate_api_key(
    auth: UseCases, caller: UserManagingKeys, key_id: Id, body: RotateApiKey | None = None
) -> ApiKeyCreated:
    """Give the key a new secret, which is shown only once. Id, name and scopes stay the same.

    The previous secret keeps working for `overlap_seconds` (default: one day), so that programs can be moved to the new
    one. Pass 0 to revoke it immediately. A secret from an earlier rotation stops working in any case. `hmac_secret` is
    rotated with it.
    """
    overlap = (body or RotateApiKey()).overlap
    key, secret = await auth.api_keys.rotate(key_id, caller.user_id, overlap=overlap)
    return ApiKeyCreated.with_secrets(key, secret, auth.api_keys.user_id_secret(key, secret))
