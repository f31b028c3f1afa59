"""Routes of accounts."""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import AnyClient, AnyUser, Cookie, Device, Running, UseCases
from segops_auth.api.schemas.accounts import ChangePassword, Me, SignedUp, SignUp, SignUpConfig
from segops_auth.api.schemas.sessions import TokenSet
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.idempotency import answers_with_a_secret, identified_by
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=AUTH_PREFIX)


@router.get("/config/", tags=["accounts"], summary="Get the configuration for signing up")
async def get_config(auth: UseCases, state: Running) -> SignUpConfig:
    """Return what a page needs to know before anyone signs in. Needs no credential."""
    return SignUpConfig(signup=state.registration, sends_mail=auth.mails.is_configured)


@router.post("/signup/", tags=["accounts"], summary="Sign up", status_code=201, responses=problems(403, 409, 429))
@answers_with_a_secret
@identified_by("email", "password")
async def sign_up(auth: UseCases, client: AnyClient, device: Device, cookie: Cookie, body: SignUp) -> SignedUp:
    """Create an account and a tenant that it owns, and sign in. Refused as `signup-closed` unless everyone may sign up.

    If the installation sends mail, one follows with which the email address is confirmed. Nothing waits for that.
    """
    deliver = cookie.delivery(body.refresh_in)
    new = await auth.accounts.sign_up(
        email=body.email,
        password=body.password.get_secret_value(),
        tenant_slug=body.tenant_slug,
        tenant_name=body.tenant_name,
        client=client,
    )
    device.remember(body.email, auth.attempts.device_cookie(body.email))
    return SignedUp.of(new, deliver(new.tokens))


@router.get("/me/", tags=["accounts"], summary="Get the current user")
async def get_me(auth: UseCases, caller: AnyUser) -> Me:
    """Return the caller's account, and their role in each of their tenants."""
    return Me.of(*await auth.accounts.describe(caller.user_id))


@router.post("/password/change/", tags=["accounts"], summary="Change the password", responses=problems(403, 409, 429))
@answers_with_a_secret
async def change_password(
    auth: UseCases, caller: AnyUser, client: AnyClient, cookie: Cookie, body: ChangePassword
) -> TokenSet:
    """Change the password, end every session and begin a new one.

    A wrong current password gets 422 with `wrong-password` at `password`, and counts as an attempt: 401 is only about the
    access token.

    Every service refuses access tokens of the ended sessions within a second, or within 30 seconds if Redis is down.
    """
    deliver = cookie.delivery(body.refresh_in)
    tokens = await auth.accounts.change_password(
        caller.user_id,
        current=body.password.get_secret_value(),
        new=body.new_password.get_secret_value(),
        place=client.place,
    )
    return deliver(tokens)
