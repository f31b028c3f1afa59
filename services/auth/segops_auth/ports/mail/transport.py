"""How a mail leaves."""

from __future__ import annotations

from typing import Protocol

from segops_auth.domain.mail import Mail


class MailRefused(Exception):
    """The mail will never be accepted, such as for an address that does not exist."""


class MailTransport(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> None:
        """Return when the mail was accepted. Raises MailRefused, and Unavailable if a later attempt may succeed."""
        ...
