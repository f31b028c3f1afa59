"""Mails, and the links in them that work once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class MailKind(StrEnum):
    """Why a mail is sent."""

    INVITE = "invite"
    PASSWORD_RESET = "password_reset"
    EMAIL_VERIFICATION = "email_verification"


class LinkPurpose(StrEnum):
    """What the token of a link to an account does. It works once."""

    PASSWORD_RESET = "password_reset"
    EMAIL_VERIFICATION = "email_verification"


LINK_LIFETIMES: Final = {
    LinkPurpose.PASSWORD_RESET: timedelta(minutes=30),
    LinkPurpose.EMAIL_VERIFICATION: timedelta(days=3),
}
FIRST_RETRY: Final = timedelta(seconds=30)
LONGEST_RETRY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOrder:
    """A mail to send. It holds no secret: the token is made when the mail is, and only its hash is stored."""

    id: int
    """0 before it is stored."""
    kind: MailKind
    recipient: str
    """A normalised email address. It may have no account, then nothing is sent."""
    tenant_id: int | None
    invite_id: int | None
    """Both are set for invites only."""
    expires_at: datetime
    """When it is dropped if it could not be sent."""
    attempts: int
    """How often it was taken to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail with its text."""

    recipient: str
    subject: str
    text: str
    html: str


def retry_delay(attempts: int) -> timedelta:
    """Return how long to wait after that many failed attempts: twice as long each time, up to an hour."""
    return min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)
