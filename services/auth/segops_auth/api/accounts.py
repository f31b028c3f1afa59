"""Accounts and sessions."""

from __future__ import annotations

from fastapi import APIRouter, Response

from segops_auth.api.dependencies import ClientAddress, PublicKeys, SignedInUser, UseCases
from segops_auth.api.schemas.accounts import (
    ChangePassword,
    Me,
    RefreshRequest,
    RevokeRequest,
    SignIn,
    SignUp,
    SignUpResult,
    TokenSet,
)
from segops_auth.api.schemas.api_keys import JsonWebKey, JsonWebKeySet
from segops_common.contracts.http import AUTH_PREFIX, JWKS_PATH
from segops_common.web.app import new_router
from segops_common.web.idempotency import answers_with_a_secret
from segops_common.web.problems import problems

JWKS_MAX_AGE_S = 300
router: APIRouter = new_router(prefix=AUTH_PREFIX)


@router.post("/signup/", tags=["accounts"], summary="Sign up", status_code=201, responses=problems(409, 429))
@answers_with_a_secret
async def sign_up(auth: UseCases, address: ClientAddress, body: SignUp) -> SignUpResult:
    """Makes an account and the tenant that it owns, and signs in. The address is not verified: nothing is mailed."""
    made = await auth.accounts.sign_up(
        email=body.email,
        password=body.password.get_secret_value(),
        tenant_slug=body.tenant_slug,
        tenant_name=body.tenant_name,
        address=address,
    )
    return SignUpResult.of(made)


@router.post("/token/", tags=["sessions"], summary="Sign in", responses=problems(401, 409, 429))
@answers_with_a_secret
async def create_token(auth: UseCases, address: ClientAddress, body: SignIn) -> TokenSet:
    """Begins a session. An unknown address and a wrong password are answered alike."""
    tokens = await auth.sessions.sign_in(email=body.email, password=body.password.get_secret_value(), address=address)
    return TokenSet.of(tokens)


@router.post("/token/refresh/", tags=["sessions"], summary="Refresh tokens", responses=problems(401, 409))
@answers_with_a_secret
async def refresh_token(auth: UseCases, body: RefreshRequest) -> TokenSet:
    """Each refresh token is good once, and for 30 days.

    Within 10 seconds of its use it gives the same successor again, as an answer may be lost. A later use means that
    somebody else has it: the session ends, and the answer is 401 `token-reuse-detected`.
    """
    return TokenSet.of(await auth.sessions.refresh(body.refresh_token.get_secret_value()))


@router.post("/token/revoke/", tags=["sessions"], summary="Sign out", status_code=204, responses=problems(409))
async def revoke_token(auth: UseCases, body: RevokeRequest) -> None:
    """Ends the session of a refresh token, also for one that is used or unknown.

    Access tokens of the session stay good until they expire, at most 15 minutes.
    """
    await auth.sessions.end(body.refresh_token.get_secret_value())


@router.get("/me/", tags=["accounts"], summary="Who am I")
async def get_me(auth: UseCases, caller: SignedInUser) -> Me:
    """The caller, and their role in each of their tenants."""
    return Me.of(*await auth.accounts.describe(caller.user_id))


@router.post("/password/change/", tags=["accounts"], summary="Change the password", responses=problems(409, 429))
@answers_with_a_secret
async def change_password(auth: UseCases, caller: SignedInUser, body: ChangePassword) -> TokenSet:
    """Ends all sessions and begins a new one. Access tokens of before stay good until they expire, at most 15 minutes."""
    tokens = await auth.accounts.change_password(
        caller.user_id,
        present=body.password.get_secret_value(),
        new=body.new_password.get_secret_value(),
    )
    return TokenSet.of(tokens)


@router.get(JWKS_PATH.removeprefix(AUTH_PREFIX), tags=["sessions"], summary="Keys that verify access tokens")
async def get_jwks(keys: PublicKeys, response: Response) -> JsonWebKeySet:
    """RFC 7517; `kid` is the thumbprint of RFC 7638."""
    response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_S}"
    return JsonWebKeySet(keys=[JsonWebKey.model_validate(key) for key in keys])
