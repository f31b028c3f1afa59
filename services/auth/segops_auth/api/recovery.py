"""Routes of the links in mails: a new password, and a confirmed email address."""

from __future__ import annotations

from fastapi import APIRouter

from segops_auth.api.dependencies import AnyUser, ClientAddress, UseCases
from segops_auth.api.schemas.recovery import MailOrdered, RequestPasswordReset, ResetPassword, VerifyEmail
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.web.app import new_router
from segops_common.web.idempotency import identified_by
from segops_common.web.problems import problems

router: APIRouter = new_router(prefix=AUTH_PREFIX, tags=["accounts"])


@router.post("/password/reset/", summary="Ask for a new password", status_code=202, responses=problems(409, 429))
@identified_by("email")
async def request_password_reset(auth: UseCases, address: ClientAddress, body: RequestPasswordReset) -> MailOrdered:
    """Send a mail with a link that works once, for 30 minutes: `/reset-password?token=…`.

    The response is the same for an address without an account, which gets no mail.
    """
    await auth.recovery.request_password_reset(body.email, address)
    return MailOrdered(status="accepted")


@router.post(
    "/password/reset/confirm/", summary="Choose a new password", status_code=204, responses=problems(409, 410, 429)
)
@identified_by("token", "new_password")
async def reset_password(auth: UseCases, address: ClientAddress, body: ResetPassword) -> None:
    """Replace the password with the token of a mail. Every session of the account ends, and its address is confirmed."""
    await auth.recovery.reset_password(body.token.get_secret_value(), body.new_password.get_secret_value(), address)


@router.post("/email/verify/", summary="Confirm an email address", status_code=204, responses=problems(410, 429))
@identified_by("token")
async def verify_email(auth: UseCases, address: ClientAddress, body: VerifyEmail) -> None:
    """Confirm the address of an account with the token of a mail, whose link is `/verify-email?token=…`."""
    await auth.recovery.verify_email(body.token.get_secret_value(), address)


@router.post("/email/verification/", summary="Send the mail to confirm again", status_code=202)
async def resend_verification(auth: UseCases, caller: AnyUser) -> MailOrdered:
    """Send another mail with a link that works once, for 3 days. Has no effect if the address is confirmed."""
    await auth.recovery.send_verification(caller.user_id)
    return MailOrdered(status="accepted")
