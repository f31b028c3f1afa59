"""Every way to send a mail delivers the same mail, and tells a refusal from an outage."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segops_auth.adapters.mail.folder import MAX_MAILS, FolderMail
from segops_auth.adapters.mail.smtp import SmtpMail, smtp_server
from segops_auth.adapters.memory.mail import MemoryMail
from segops_auth.domain.mail import Mail
from segops_auth.ports.mail.transport import MailRefused, MailTransport
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unavailable
from segops_testkit.clock import ManualClock
from tests.shared.smtp import SmtpServer, serving, tls_pair

CLOCK = ManualClock(datetime(2026, 1, 31, 9, tzinfo=UTC))
IDS = SystemIds(CLOCK)
MAIL = Mail(
    recipient="grace@example.com",
    subject="Ada lädt Sie zu \u2603 ein",
    text="Hello.\n.\nhttps://segops.example.com/invite?token=abc\n" + "long " * 300 + "\n",
    html="<p>Hello &amp; welcome \u2603</p>\n",
)


@dataclass(frozen=True, slots=True)
class Sending:
    """A transport, and what has arrived."""

    transport: MailTransport
    arrived: Callable[[], list[Mail]]


def mails_in(server: SmtpServer) -> list[Mail]:
    """Return the mails that a server has received."""
    mails = []
    for message in server.messages:
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        assert text is not None
        assert html is not None
        mails.append(
            Mail(
                recipient=message["To"],
                subject=message["Subject"],
                text=text.get_content().replace("\r\n", "\n"),
                html=html.get_content().replace("\r\n", "\n"),
            )
        )
    return mails


def mails_below(folder: Path) -> list[Mail]:
    """Return the mails in a folder, in the order in which they were sent."""
    contents = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    return [Mail(recipient=row["to"], subject=row["subject"], text=row["text"], html=row["html"]) for row in contents]


def smtp(server: SmtpServer, tls: ssl.SSLContext, scheme: str = "smtp", login: str = "") -> SmtpMail:
    url = f"{scheme}://{login}localhost:{server.port}"
    return SmtpMail(server=smtp_server(url), sender="SegOps <segops@example.com>", clock=CLOCK, ids=IDS, tls=tls)


@pytest.fixture(params=["memory", "folder", "smtp", "smtps"])
async def sending(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sending]:
    """A transport that works."""
    if request.param == "memory":
        memory = MemoryMail()
        yield Sending(memory, lambda: memory.sent)
    elif request.param == "folder":
        folder = tmp_path / "mail"
        yield Sending(FolderMail(folder=folder, clock=CLOCK, ids=IDS), lambda: mails_below(folder))
    else:
        for_server, for_client = tls_pair(tmp_path)
        async with serving(SmtpServer(tls=for_server), implicit_tls=request.param == "smtps") as server:
            yield Sending(smtp(server, for_client, request.param), lambda: mails_in(server))
            assert all(server.encrypted)


async def test_mails_arrive_as_they_were_sent_in_order(sending: Sending) -> None:
    other = Mail(recipient="ada@example.com", subject="x", text="y\n", html="<p>z</p>\n")
    for mail in (MAIL, other):
        await sending.transport.send(mail)
        CLOCK.advance(1)
    assert sending.arrived() == [MAIL, other]


@pytest.mark.parametrize(
    ("replies", "is_final"),
    [
        ({"RCPT": "550 no such user"}, True),
        ({"RCPT": "450 greylisted"}, False),
        ({"MAIL": "530 sign in first"}, False),
        ({".": "451 try again"}, False),
        ({".": "554 looks like spam"}, False),
        ({"EHLO": "421 shutting down", "HELO": "421 shutting down"}, False),
    ],
    ids=repr,
)
async def test_only_a_refused_recipient_is_final(tmp_path: Path, replies: dict[str, str], is_final: bool) -> None:
    for_server, for_client = tls_pair(tmp_path)
    async with serving(SmtpServer(tls=for_server, replies=replies)) as server:
        with pytest.raises(MailRefused if is_final else Unavailable) as failure:
            await smtp(server, for_client).send(MAIL)
        assert MAIL.recipient not in str(failure.value)
        assert server.messages == []


async def test_a_server_signs_its_client_in(tmp_path: Path) -> None:
    for_server, for_client = tls_pair(tmp_path)
    async with serving(SmtpServer(tls=for_server, user="ada@example.com", password="p:/@ss")) as server:
        await smtp(server, for_client, login="ada%40example.com:p%3A%2F%40ss@").send(MAIL)
        assert len(server.messages) == 1
        with pytest.raises(Unavailable, match="535"):
            await smtp(server, for_client, login="ada%40example.com:wrong@").send(MAIL)


async def test_a_certificate_that_is_not_trusted_stops_the_mail(tmp_path: Path) -> None:
    for_server, _ = tls_pair(tmp_path)
    async with serving(SmtpServer(tls=for_server)) as server:
        with pytest.raises(Unavailable, match="SSLCertVerificationError"):
            await smtp(server, ssl.create_default_context()).send(MAIL)
        assert server.messages == []


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("localhost", True), ("127.0.0.9", True), ("[::1]", True), ("mail.example.com", False), ("10.0.0.1", False)],
)
def test_only_a_server_on_this_machine_may_lack_encryption(host: str, is_local: bool) -> None:
    assert smtp_server(f"smtp://{host}").is_local is is_local


async def test_a_server_on_this_machine_without_encryption_gets_mails(tmp_path: Path) -> None:
    _, for_client = tls_pair(tmp_path)
    async with serving(SmtpServer()) as server:
        await smtp(server, for_client).send(MAIL)
        assert (mails_in(server), server.encrypted) == ([MAIL], [False])


async def test_a_server_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    _, for_client = tls_pair(tmp_path)
    async with serving(SmtpServer()) as server:
        transport = smtp(server, for_client)
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        await transport.send(MAIL)


def test_the_usual_ports_are_known() -> None:
    assert (smtp_server("smtp://a").port, smtp_server("smtps://a").port) == (587, 465)
    for url in ("http://a", "smtp://", "smtp://a/path", "smtp://a?x=1"):
        with pytest.raises(ValueError, match="must be `smtp://"):
            smtp_server(url)


async def test_headers_name_the_sender_and_say_that_a_machine_wrote(tmp_path: Path) -> None:
    _, for_client = tls_pair(tmp_path)
    async with serving(SmtpServer()) as server:
        for _ in range(2):
            await smtp(server, for_client).send(MAIL)
        first, second = server.messages
    assert first["From"] == "SegOps <segops@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"].endswith("@example.com>")
    assert first["Message-ID"] != second["Message-ID"]


async def test_a_folder_is_private_and_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    transport = FolderMail(folder=folder, clock=CLOCK, ids=IDS)
    for number in range(MAX_MAILS + 2):
        CLOCK.advance(1)
        await transport.send(Mail(recipient="ada@example.com", subject=str(number), text="", html=""))
    assert [mail.subject for mail in mails_below(folder)] == [str(number) for number in range(2, MAX_MAILS + 2)]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


async def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        await FolderMail(folder=tmp_path / "file" / "mail", clock=CLOCK, ids=IDS).send(MAIL)


async def test_memory_fails_on_request() -> None:
    memory = MemoryMail()
    memory.reachable = False
    with pytest.raises(Unavailable):
        await memory.send(MAIL)
    memory.reachable = True
    memory.refused.add(MAIL.recipient)
    with pytest.raises(MailRefused):
        await memory.send(MAIL)
    assert memory.sent == []
