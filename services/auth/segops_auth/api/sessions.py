"""Routes of sessions: signing in and out, and the keys that verify access tokens."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Response

from segops_auth.api.dependencies import AnyClient, AnyUser, Cookie, Device, Id, PublicKeys, UseCases
from segops_auth.api.refresh_cookie import REFRESH_COOKIE
from segops_auth.api.schemas.fields import RefreshIn
from segops_auth.api.schemas.sessions import (
    JsonWebKey,
    JsonWebKeySet,
    RefreshRequest,
    RevokeRequest,
    SessionList,
    SessionRead,
    SignIn,
    TokenSet,
)
from segops_common.contracts.http import AUTH_PREFIX, JWKS_PATH
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems

JWKS_MAX_AGE_S = 300
router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["sessions"])


@router.post("/token/", summary="Sign in", responses=problems(401, 403, 409, 429))
@answers_with_a_secret
@identified_by("email", "password")
async def create_token(auth: UseCases, client: AnyClient, device: Device, cookie: Cookie, body: SignIn) -> TokenSet:
    """Begin a session. The response is the same for an unknown email address and for a wrong password.

    It sets a cookie that makes the device known for 180 days. Wrong passwords of others cannot lock out a known device,
    nor an address from which the account has signed in during the last 30 days.

    With `"refresh_in": "cookie"`, the refresh token is in the HttpOnly cookie `segops_refresh`, which browsers send to the
    routes below `token/` only. The request must come from a page of the same origin, as `Sec-Fetch-Site` or `Origin` say.
    """
    deliver = cookie.delivery(body.refresh_in)
    tokens = await auth.sessions.sign_in(
        email=body.email,
        password=body.password.get_secret_value(),
        client=replace(client, device=device.value_of(body.email)),
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return deliver(tokens)


@router.post("/token/refresh/", summary="Refresh the tokens", responses=problems(401, 403, 409))
@answers_with_a_secret
@identified_by("refresh_token", "refresh", cookie=REFRESH_COOKIE)
async def refresh_token(auth: UseCases, client: AnyClient, cookie: Cookie, body: RefreshRequest) -> TokenSet:
    """Exchange a refresh token for new tokens. Each refresh token works once and expires after 30 days.

    If a response is lost, the same refresh token can be sent again within 10 seconds: the new refresh token is the same.
    After that, a second use means that someone else may have the token. The session ends and the response is 401
    `token-reuse-detected`.

    Without a token in the body, the one in the cookie is used, and the new one is in the cookie again. Then the request must
    come from a page of the same origin.
    """
    if body.token is not None:
        return TokenSet.of(await auth.sessions.refresh(body.token, client.place))
    token = cookie.token()
    return cookie.delivery(RefreshIn.COOKIE)(await auth.sessions.refresh(token, client.place))


@router.post("/token/revoke/", summary="Sign out", status_code=204, responses=problems(401, 403, 409))
@identified_by("refresh_token", "refresh", cookie=REFRESH_COOKIE)
async def revoke_token(auth: UseCases, cookie: Cookie, body: RevokeRequest) -> None:
    """End the session of a refresh token. Has no effect for an unknown token.

    Without a token in the body, the one in the cookie is used, and the cookie is removed. Then the request must come from a
    page of the same origin.

    Every service refuses the session's access tokens within a second, or within 30 seconds if Redis is down.
    """
    if body.token is not None:
        await auth.sessions.end(body.token)
        return
    await auth.sessions.end(cookie.token())
    cookie.clear()


@router.post("/token/revoke-all/", summary="Sign out everywhere", status_code=204)
async def revoke_all_tokens(auth: UseCases, caller: AnyUser) -> None:
    """End every session of the caller, also the one that sends this request.

    Every service refuses the access tokens within a second, or within 30 seconds if Redis is down.
    """
    await auth.sessions.end_all(caller.user_id)


@router.get("/sessions/", summary="List your sessions")
async def list_sessions(auth: UseCases, caller: AnyUser, page: PageParams) -> SessionList:
    """Return the caller's sessions that have not ended or expired, newest first."""
    sessions = await auth.sessions.list_open(caller.user_id, page)
    return SessionList.of(sessions, page, lambda session: SessionRead.of(session, caller.session_id))


@router.delete("/sessions/{session_id}/", summary="End a session", status_code=204)
async def end_session(auth: UseCases, caller: AnyUser, session_id: Id) -> None:
    """End one of the caller's sessions. It may be the one that sends this request.

    Every service refuses its access tokens within a second, or within 30 seconds if Redis is down.
    """
    await auth.sessions.end_one(caller.user_id, session_id)


@router.post("/sessions/revoke-others/", summary="End all other sessions", status_code=204)
async def revoke_other_sessions(auth: UseCases, caller: AnyUser) -> None:
    """End every session of the caller but the one that sends this request."""
    await auth.sessions.end_others(caller.user_id, caller.session_id)


@router.get(JWKS_PATH.removeprefix(AUTH_PREFIX), summary="Get the keys that verify access tokens")
async def get_jwks(keys: PublicKeys, response: Response) -> JsonWebKeySet:
    """Return the public keys as a JSON Web Key Set (RFC 7517). `kid` is the thumbprint of RFC 7638.

    A new key is listed 10 minutes before it signs, and the previous one until its last token has expired.
    """
    response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_S}"
    return JsonWebKeySet(keys=[JsonWebKey.model_validate(key) for key in keys])
