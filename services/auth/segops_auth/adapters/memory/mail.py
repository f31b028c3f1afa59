"""Mails, kept in a list."""

from __future__ import annotations

from segops_auth.domain.mail import Mail
from segops_auth.ports.mail.transport import MailRefused
from segops_common.core.problems import Unavailable


class MemoryMail:
    """Keeps mails instead of sending them."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.reachable = True
        """Set it to False to make every mail fail as if the server were down."""
        self.refused: set[str] = set()
        """Addresses that do not exist."""

    async def send(self, mail: Mail) -> None:
        if not self.reachable:
            raise Unavailable("The mail server does not answer.")
        if mail.recipient in self.refused:
            raise MailRefused("no such address")
        self.sent.append(mail)
