"""An SMTP server for tests: it speaks the real protocol, with STARTTLS, TLS from the start and AUTH."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


@dataclass(slots=True, kw_only=True)
class SmtpServer:
    """What it answers, and what it has received."""

    tls: ssl.SSLContext | None = None
    offers_starttls: bool = True
    user: str = ""
    password: str = ""
    replies: dict[str, str] = field(default_factory=dict)
    """By command, such as `RCPT`: what it answers in place of success. `.` is the end of a mail."""
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """For each message, whether it came encrypted."""


@asynccontextmanager
async def serving(server: SmtpServer, *, implicit_tls: bool = False) -> AsyncIterator[SmtpServer]:
    """Serve on a free port until the block ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await _Conversation(server, reader, writer, encrypted=implicit_tls).run()
        writer.close()

    listening = await asyncio.start_server(serve, HOST, 0, ssl=server.tls if implicit_tls else None)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


class _Conversation:
    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, encrypted: bool
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._encrypted = encrypted

    async def run(self) -> None:
        await self._say("220 mail.test ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode().strip()
            command = line.split()[0].upper()
            if command == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(command, line)

    async def _answer(self, command: str, line: str) -> None:
        if command in self._server.replies:
            await self._say(self._server.replies[command])
        elif command == "EHLO":
            await self._say(*self._features())
        elif command == "STARTTLS":
            await self._say("220 go ahead")
            assert self._server.tls is not None
            await self._writer.start_tls(self._server.tls)
            self._encrypted = True
        elif command == "AUTH":
            expected = base64.b64encode(f"\0{self._server.user}\0{self._server.password}".encode()).decode()
            await self._say("235 welcome" if line == f"AUTH PLAIN {expected}" else "535 wrong password")
        elif command == "DATA":
            await self._receive()
        else:
            await self._say("250 ok")

    def _features(self) -> list[str]:
        features = ["mail.test"]
        if self._server.offers_starttls and self._server.tls is not None and not self._encrypted:
            features.append("STARTTLS")
        if self._server.user:
            features.append("AUTH PLAIN")
        return [f"250-{feature}" for feature in features[:-1]] + [f"250 {features[-1]}"]

    async def _receive(self) -> None:
        await self._say("354 end with a dot")
        content = await self._reader.readuntil(b"\r\n.\r\n")
        if "." in self._server.replies:
            await self._say(self._server.replies["."])
            return
        self._server.messages.append(
            message_from_bytes(content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."), policy=policy.default)
        )
        self._server.encrypted.append(self._encrypted)
        await self._say("250 accepted")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


def tls_pair(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS settings of a server on this machine, and the settings of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert_file, key_file)
    return server, ssl.create_default_context(cafile=str(cert_file))
