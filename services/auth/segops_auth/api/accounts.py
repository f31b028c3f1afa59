"""Routes of accounts and sessions."""

from __future__ import annotations

from fastapi import APIRouter, Response

from segops_auth.api.dependencies import AnyUser, ClientAddress, Device, PublicKeys, UseCases
from segops_auth.api.schemas.accounts import ChangePassword, Me, SignUp, SignUpResult
from segops_auth.api.schemas.sessions import (
    JsonWebKey,
    JsonWebKeySet,
    RefreshRequest,
    RevokeRequest,
    SignIn,
    TokenSet,
)
from segops_auth.service.attempts import Client
from segops_common.contracts.http import AUTH_PREFIX, JWKS_PATH
from segops_common.web.app import new_router
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems

JWKS_MAX_AGE_S = 300
router: APIRouter = new_router(prefix=AUTH_PREFIX)


@router.post("/signup/", tags=["accounts"], summary="Sign up", status_code=201, responses=problems(409, 429))
@answers_with_a_secret
@identified_by("email", "password")
async def sign_up(auth: UseCases, address: ClientAddress, device: Device, body: SignUp) -> SignUpResult:
    """Create an account and a tenant that it owns, and sign in.

    The email address is not verified, and no mail is sent.
    """
    new = await auth.accounts.sign_up(
        email=body.email,
        password=body.password.get_secret_value(),
        tenant_slug=body.tenant_slug,
        tenant_name=body.tenant_name,
        client=Client(address=address),
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return SignUpResult.of(new)


@router.post("/token/", tags=["sessions"], summary="Sign in", responses=problems(401, 409, 429))
@answers_with_a_secret
@identified_by("email", "password")
async def create_token(auth: UseCases, address: ClientAddress, device: Device, body: SignIn) -> TokenSet:
    """Begin a session. The response is the same for an unknown email address and for a wrong password.

    It sets a cookie that makes the device known for 180 days. Wrong passwords of others cannot lock out a known device,
    nor an address from which the account has signed in during the last 30 days.
    """
    tokens = await auth.sessions.sign_in(
        email=body.email,
        password=body.password.get_secret_value(),
        client=Client(address=address, device=device.value_of(body.email)),
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return TokenSet.of(tokens)


@router.post("/token/refresh/", tags=["sessions"], summary="Refresh the tokens", responses=problems(401, 409))
@answers_with_a_secret
@identified_by("refresh_token")
async def refresh_token(auth: UseCases, body: RefreshRequest) -> TokenSet:
    """Exchange a refresh token for new tokens. Each refresh token works once and expires after 30 days.

    If a response is lost, the same refresh token can be sent again within 10 seconds: the new refresh token is the same.
    After that, a second use means that someone else may have the token. The session ends and the response is 401
    `token-reuse-detected`.
    """
    return TokenSet.of(await auth.sessions.refresh(body.refresh_token.get_secret_value()))


@router.post("/token/revoke/", tags=["sessions"], summary="Sign out", status_code=204, responses=problems(409))
@identified_by("refresh_token")
async def revoke_token(auth: UseCases, body: RevokeRequest) -> None:
    """End the session of a refresh token. Has no effect for an unknown token.

    Every service refuses the session's access tokens within a second, or within 30 seconds if Redis is down.
    """
    await auth.sessions.end(body.refresh_token.get_secret_value())


@router.post("/token/revoke-all/", tags=["sessions"], summary="Sign out everywhere", status_code=204)
async def revoke_all_tokens(auth: UseCases, caller: AnyUser) -> None:
    """End every session of the caller, also the one that sends this request.

    Every service refuses the access tokens within a second, or within 30 seconds if Redis is down.
    """
    await auth.sessions.end_all(caller.user_id)


@router.get("/me/", tags=["accounts"], summary="Get the current user")
async def get_me(auth: UseCases, caller: AnyUser) -> Me:
    """Return the caller's account, and their role in each of their tenants."""
    return Me.of(*await auth.accounts.describe(caller.user_id))


@router.post("/password/change/", tags=["accounts"], summary="Change the password", responses=problems(409, 429))
@answers_with_a_secret
async def change_password(auth: UseCases, caller: AnyUser, body: ChangePassword) -> TokenSet:
    """Change the password, end every session and begin a new one.

    Every service refuses access tokens of the ended sessions within a second, or within 30 seconds if Redis is down.
    """
    tokens = await auth.accounts.change_password(
        caller.user_id,
        current=body.password.get_secret_value(),
        new=body.new_password.get_secret_value(),
    )
    return TokenSet.of(tokens)


@router.get(JWKS_PATH.removeprefix(AUTH_PREFIX), tags=["sessions"], summary="Get the keys that verify access tokens")
async def get_jwks(keys: PublicKeys, response: Response) -> JsonWebKeySet:
    """Return the public keys as a JSON Web Key Set (RFC 7517). `kid` is the thumbprint of RFC 7638.

    A new key is listed 10 minutes before it signs, and the previous one until its last token has expired.
    """
    response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_S}"
    return JsonWebKeySet(keys=[JsonWebKey.model_validate(key) for key in keys])
