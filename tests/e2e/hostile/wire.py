"""Requests as bytes on a socket, because an HTTP client would repair or refuse most hostile ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from segops_testkit.http import exchange

AT_ONCE: Final = 16
DEADLINE_S: Final = 120.0
"""Longer than any deadline of the product, so that a slow machine fails no request."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """A request, and whether every right answer to it is a refusal."""

    name: str
    operation: str
    """The operation's id, or `gateway` for requests that reach no service."""
    wire: bytes
    must_refuse: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `status` is 0 if the bytes are no HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes


def on_the_wire(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """Return a request for a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1", "Host: segops.test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not any(name == "Content-Length" for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def parse(raw: bytes) -> Reply:
    """Return the last response in the bytes: interim responses are dropped."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        return Reply(0, {}, b"", raw)
    if rest.startswith("1"):
        return parse(body)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    is_chunked = headers.get("transfer-encoding") == "chunked"
    return Reply(int(rest[:3]), headers, _joined(body) if is_chunked else body, raw)


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        body, chunks = body + rest[:length], rest[length + 2 :] if length else b""
    return body


def send_all(host: str, port: int, requests: Iterable[HostileRequest]) -> list[tuple[HostileRequest, Reply]]:
    """Send the requests, a few at once; return each with its response."""

    def answer(request: HostileRequest) -> tuple[HostileRequest, Reply]:
        try:
            return request, parse(exchange(host, port, request.wire, DEADLINE_S))
        except TimeoutError:
            return request, Reply(0, {}, b"", b"no answer")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(answer, requests))
