"""Bodies of the links in mails."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import Email, NewPassword, RequestBody, ResponseBody, Token


class RequestPasswordReset(RequestBody):
    """The email address of an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": examples.EMAIL}]})

    email: Email


class ResetPassword(RequestBody):
    """The token of a mail, and the new password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": examples.TOKEN, "new_password": "a-staple-is-better-than-nothing"}]}
    )

    token: Token
    new_password: NewPassword


class VerifyEmail(RequestBody):
    """The token of a mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": examples.TOKEN}]})

    token: Token


class MailOrdered(ResponseBody):
    """The request was accepted. A mail follows if there is a reason for one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "accepted"}]})

    status: Literal["accepted"]
