"""`/dev/mail/`: the mails that SegOps has sent on this machine. Only `make run` serves it.

The links in mails sign people in and replace passwords, so the page needs a token, which `make run` prints.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from segops_local.state.ports import HOST

PATH = "/dev/mail/"
COOKIE = "segops_mailbox"
_SHOWN = 100
_LINK = re.compile(r"https?://[^\s<>\"']+")
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "article{border-top:1px solid #8888;padding:1rem 0}h2{font-size:1rem;margin:0}pre{white-space:pre-wrap;font:inherit}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mails of SegOps</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    f"<style>{_STYLE}</style></head><body><h1>Mails</h1>%s</body></html>"
)


class Mailbox:
    """An HTTP server for the gateway, which listens at `url`."""

    def __init__(self, *, folder: Path, url: str) -> None:
        self._folder = folder
        self._hosts = _hosts(urlsplit(url).port)
        self._token = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self.link = f"{url}{PATH}?token={self._token}"
        """What opens the page. Valid until the next start."""

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await asyncio.to_thread(self.answer, head))
                await writer.drain()
        writer.close()

    def answer(self, head: bytes) -> bytes:
        """Return the answer to the head of a request."""
        line, *rows = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        method, target, *_ = [*line.split(" "), "", ""]
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", "Only GET is allowed.")
        if not self._is_own(headers):
            return _response("403 Forbidden", "This page must be opened at its own address.")
        sent_token = parse_qs(urlsplit(target).query).get("token", [""])[0]
        if sent_token and self._matches(sent_token):
            cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path={PATH}"
            return _response("303 See Other", "", {"Location": PATH, "Set-Cookie": cookie})
        if not self._matches(_cookie(headers.get("cookie", ""))):
            return _response("401 Unauthorized", "Open the link that `make run` has printed.")
        return _response("200 OK", "".join(map(_article, self._mails())) or "<p>No mail has been sent yet.</p>")

    def _is_own(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request names this machine. Another name that leads here is of a page of somebody else."""
        origin = headers.get("origin")
        return headers.get("host") in self._hosts and (origin is None or urlsplit(origin).netloc in self._hosts)

    def _matches(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _mails(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self._folder.glob("*.json"), reverse=True)[:_SHOWN]:
            # A mail may be deleted in between, because its folder is bounded.
            with contextlib.suppress(OSError, ValueError):
                yield json.loads(file.read_text())


def _hosts(port: int | None) -> set[str]:
    """Return what `Host` may be. Browsers leave out the port 80."""
    names = {HOST, "localhost"}
    return {f"{name}:{port}" for name in names} | (names if port in (None, 80) else set())


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _article(mail: Mapping[str, Any]) -> str:
    text, parts, end = str(mail["text"]), [], 0
    for match in _LINK.finditer(text):
        link = escape(match[0])
        parts += [escape(text[end : match.start()]), f'<a href="{link}" rel="noreferrer">{link}</a>']
        end = match.end()
    parts.append(escape(text[end:]))
    subject, recipient, at = (escape(str(mail[name])) for name in ("subject", "to", "at"))
    return f"<article><h2>{subject}</h2><p>{recipient} · <time>{at}</time></p><pre>{''.join(parts)}</pre></article>"


def _response(status: str, content: str, headers: Mapping[str, str] | None = None) -> bytes:
    body = (_PAGE % (content if content.startswith("<") else f"<p>{escape(content)}</p>")).encode()
    fixed = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (fixed | dict(headers or {})).items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
