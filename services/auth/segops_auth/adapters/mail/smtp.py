"""Mails over SMTP (RFC 5321), encrypted by STARTTLS (RFC 3207) or from the start (RFC 8314)."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from segops_auth.domain.mail import Mail
from segops_auth.ports.mail.transport import MailRefused
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unavailable

TIMEOUT_S: Final = 15.0
"""How long one step of the protocol may take."""
_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mails are handed in."""

    host: str
    port: int
    implicit_tls: bool
    user: str
    password: str = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine. Only then a mail may travel without encryption."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def smtp_server(url: str) -> SmtpServer:
    """Return the server of `smtp://user:password@host:587` or `smtps://user:password@host:465`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("must be `smtp://user:password@host:587` or `smtps://user:password@host:465`")
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class SmtpMail:
    """Opens a connection for each mail. The library of the standard blocks, so it runs in a thread."""

    def __init__(
        self, *, server: SmtpServer, sender: str, clock: Clock, ids: Ids, tls: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._tls = tls or ssl.create_default_context()

    async def send(self, mail: Mail) -> None:
        """Return when the server has accepted the mail. Raises MailRefused, Unavailable."""
        try:
            await asyncio.to_thread(self._deliver, self._message(mail))
        except smtplib.SMTPRecipientsRefused as error:
            (code, _), *_ = error.recipients.values()
            if code >= 500:
                raise MailRefused(f"the server refused the recipient with {code}") from error
            raise Unavailable(f"the mail server does not accept the recipient now ({code})") from error
        except smtplib.SMTPResponseException as error:
            raise Unavailable(f"the mail server answered {error.smtp_code}") from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise Unavailable(f"the mail server cannot be used ({type(error).__name__})") from error

    def _deliver(self, message: EmailMessage) -> None:
        server = self._server
        if server.implicit_tls:
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=self._tls)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        with client:
            client.ehlo_or_helo_if_needed()
            if not server.implicit_tls and (not server.is_local or client.has_extn("starttls")):
                client.starttls(context=self._tls)
            if server.user:
                client.login(server.user, server.password)
            client.send_message(message)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        _, address = parseaddr(self._sender)
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{self._ids.token(16)}@{address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message
