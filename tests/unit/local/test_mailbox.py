"""The page with the mails of `make run`: who may read it, and that nothing in a mail is markup."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

from segops_local.supervisor.mailbox import COOKIE, PATH, Mailbox

URL = "http://127.0.0.1:8080"
LINK = "https://segops.example.com/invite?token=abc&x=1"


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(folder=tmp_path, url=URL)


def put(folder: Path, name: str, **more: str) -> None:
    mail = {"at": "2026-01-31T09:00:00+00:00", "to": "ada@example.com", "subject": "Hello", "text": "", "html": ""}
    (folder / f"{name}.json").write_text(json.dumps(mail | more))


def ask(
    mailbox: Mailbox, target: str = PATH, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of an answer."""
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{k}: {v}" for k, v in ({"Host": "127.0.0.1:8080"} | dict(headers or {})).items()),
    ]
    head, _, body = mailbox.answer("\r\n".join([*lines, "", ""]).encode("latin-1")).decode().partition("\r\n\r\n")
    status, *rows = head.split("\r\n")
    return int(status.split()[1]), dict(row.split(": ", 1) for row in rows), body


def signed_in(mailbox: Mailbox) -> dict[str, str]:
    status, headers, _ = ask(mailbox, mailbox.link.removeprefix(URL))
    assert (status, headers["Location"]) == (303, PATH)
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"HttpOnly", "SameSite=Strict", f"Path={PATH}"}
    return {"Cookie": cookie}


def test_the_printed_link_opens_the_page(mailbox: Mailbox, tmp_path: Path) -> None:
    status, headers, body = ask(mailbox, headers=signed_in(mailbox))
    assert (status, "No mail has been sent yet" in body) == (200, True)
    assert headers["Cache-Control"] == "no-store"
    put(tmp_path, "1", subject="First")
    put(tmp_path, "2", subject="Second")
    _, _, body = ask(mailbox, headers=signed_in(mailbox))
    assert re.findall(r"<h2>(.*?)</h2>", body) == ["Second", "First"]


@pytest.mark.parametrize("target", [PATH, f"{PATH}?token=", f"{PATH}?token=x", f"{PATH}?token=%E2%98%83"])
@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=", f"{COOKIE}=x", "a=b; ;;=", "\xff"])
def test_nobody_reads_mails_without_the_token(mailbox: Mailbox, tmp_path: Path, target: str, cookie: str) -> None:
    put(tmp_path, "1", text="secret")
    status, _, body = ask(mailbox, target, {"Cookie": cookie})
    assert (status, "secret" in body) == (401, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Host": "evil.example.com:8080"},
        {"Host": "127.0.0.1"},
        {"Host": ""},
        {"Origin": "https://evil.example.com"},
        {"Origin": "http://127.0.0.1:9090"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
    ids=repr,
)
def test_a_page_of_somebody_else_gets_nothing(mailbox: Mailbox, tmp_path: Path, headers: dict[str, str]) -> None:
    put(tmp_path, "1", text="secret")
    for target in (PATH, mailbox.link.removeprefix(URL)):
        status, answered, body = ask(mailbox, target, signed_in(mailbox) | headers)
        assert (status, "secret" in body, "Set-Cookie" in answered) == (403, False, False)


@pytest.mark.parametrize("headers", [{"Host": "localhost:8080"}, {"Origin": URL}], ids=repr)
def test_its_own_names_are_served(mailbox: Mailbox, headers: dict[str, str]) -> None:
    assert ask(mailbox, headers=signed_in(mailbox) | headers)[0] == 200


def test_the_port_80_is_left_out_by_browsers(tmp_path: Path) -> None:
    mailbox = Mailbox(folder=tmp_path, url="http://127.0.0.1:80")
    assert ask(mailbox, headers={"Host": "localhost"})[0] == 401


def test_each_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    assert Mailbox(folder=tmp_path, url=URL).link != Mailbox(folder=tmp_path, url=URL).link


def test_links_can_be_followed(mailbox: Mailbox, tmp_path: Path) -> None:
    put(tmp_path, "1", text=f"Accept:\n\n{LINK}\n\nBye")
    _, _, body = ask(mailbox, headers=signed_in(mailbox))
    assert [unescape(link) for link in re.findall(r'href="([^"]*)"', body)] == [LINK]
    assert "Bye" in body


@pytest.mark.parametrize("field", ["subject", "to", "at", "text"])
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x>', 'https://a/"onclick=x', "javascript:alert(1)"]
)
def test_nothing_of_a_mail_is_markup(mailbox: Mailbox, tmp_path: Path, field: str, text: str) -> None:
    put(tmp_path, "1", **{field: text})
    _, headers, body = ask(mailbox, headers=signed_in(mailbox))
    article = body[body.index("<article>") : body.index("</article>")]
    assert set(re.findall(r"<(\w+)", article)) <= {"article", "h2", "p", "time", "pre", "a"}
    assert all(link.startswith(("http://", "https://")) for link in re.findall(r'href="([^"]*)"', article))
    assert "onclick" not in re.sub(r">[^<]*<", "><", article)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]


def test_the_html_form_of_a_mail_is_not_shown(mailbox: Mailbox, tmp_path: Path) -> None:
    put(tmp_path, "1", text="plain", html="<b>bold</b>")
    _, _, body = ask(mailbox, headers=signed_in(mailbox))
    assert "bold" not in body


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_it_only_reads(mailbox: Mailbox, method: str) -> None:
    assert ask(mailbox, headers=signed_in(mailbox), method=method)[0] == 405


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"GET\r\n\r\n", b"x y z\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n"])
def test_what_is_no_request_is_refused(mailbox: Mailbox, head: bytes) -> None:
    assert mailbox.answer(head).split()[1] in (b"403", b"405")
