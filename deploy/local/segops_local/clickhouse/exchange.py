"""One HTTP exchange: the request body as it arrives, and the answer with ClickHouse's headers."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import asdict
from typing import Any, TypeVar

from .codec import Decoder, encoder
from .engine import Progress
from .errors import SOCKET_TIMEOUT, QueryFailed, refused

R = TypeVar("R")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RECEIVE_TIMEOUT_S = 30.0
"""Wait for the next piece of a request body, as the server's http_receive_timeout."""
_PIECE = 1 << 20
_LARGE = 1 << 16

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
}


class ClientLeft(Exception):
    """The client went away; nobody reads an answer."""


class Body:
    """The request body."""

    def __init__(self, receive: Receive, *, encoding: str) -> None:
        self._receive = receive
        self._decoder = Decoder(encoding)
        self._complete = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The decompressed body in pieces of about 1 MiB. Raises ClientLeft, or QueryFailed for damaged data."""
        gathered: list[bytes] = []
        size = 0
        while not self._complete:
            raw = await self._next()
            data = await off_loop_if_large(self._decoder.add, raw) if raw else b""
            gathered.append(data)
            size += len(data)
            if size >= _PIECE:
                yield b"".join(gathered)
                gathered, size = [], 0
        self._decoder.finish()
        if size:
            yield b"".join(gathered)

    async def left(self) -> None:
        """Return when the client has gone away; call it only when no more of the body is wanted."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> bytes:
        try:
            message = await asyncio.wait_for(self._receive(), RECEIVE_TIMEOUT_S)
        except TimeoutError as error:
            raise refused(SOCKET_TIMEOUT, f"No data from the client for {RECEIVE_TIMEOUT_S:.0f} s") from error
        if message["type"] == "http.disconnect":
            raise ClientLeft
        self._complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))


class Reply:
    """The answer. Nothing is sent before the first bytes are known, so early errors have a status of their own."""

    def __init__(self, send: Send, *, version: str, timezone: str, display_name: str) -> None:
        self._send = send
        self._version = version
        self._headers = {
            "x-clickhouse-server-display-name": display_name,
            "x-clickhouse-timezone": timezone,
            "x-clickhouse-exception-tag": secrets.token_hex(8),
        }
        self._encoder = encoder(None)
        self._abandoned = False
        self.started = False

    def abandon(self) -> None:
        """The client has gone away: further writes raise ClientLeft."""
        self._abandoned = True

    def describe(self, *, query_id: str, timezone: str | None = None) -> None:
        """Headers every later answer has, errors too."""
        self._headers["x-clickhouse-query-id"] = query_id
        if timezone:
            self._headers["x-clickhouse-timezone"] = timezone

    async def start(self, *, output_format: str, encoding: str | None, progress: Progress) -> None:
        """Send the head of a successful answer."""
        self._encoder = encoder(encoding)
        self._headers["x-clickhouse-format"] = output_format
        self._headers["content-type"] = _CONTENT_TYPES.get(output_format, "application/octet-stream")
        if encoding:
            self._headers["content-encoding"] = encoding
        await self._head(200, progress)

    async def write(self, data: bytes) -> None:
        """Send a part of the body; waits for a slow client. Raises ClientLeft."""
        for start in range(0, len(data), _PIECE):
            if self._abandoned:
                raise ClientLeft
            piece = await off_loop_if_large(self._encoder.add, data[start : start + _PIECE])
            if piece:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def finish(self) -> None:
        """End the body."""
        await self._send({"type": "http.response.body", "body": self._encoder.finish()})

    async def fail(self, error: QueryFailed, progress: Progress) -> None:
        """Report an error: with its status, or, when the body has begun, in the body, which then ends broken."""
        body = error.body(self._version)
        if not self.started:
            self._headers["x-clickhouse-exception-code"] = str(error.code)
            self._headers["content-type"] = "text/plain; charset=UTF-8"
            await self._head(error.status, progress)
            await self._send({"type": "http.response.body", "body": body})
            return
        tag = self._headers["x-clickhouse-exception-tag"]
        block = f"\r\n__exception__\r\n{tag}\r\n".encode() + body + f"{len(body)} {tag}\r\n__exception__\r\n".encode()
        await self.write(block)
        await self._send({"type": "http.response.body", "body": self._encoder.finish(), "more_body": True})

    async def _head(self, status: int, progress: Progress) -> None:
        self.started = True
        summary = {name: str(value) for name, value in asdict(progress).items()}
        headers = self._headers | {"x-clickhouse-summary": json.dumps(summary, separators=(",", ":"))}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})


async def off_loop_if_large(work: Callable[[bytes], R], data: bytes) -> R:
    """Do short work at once and long work in a thread, so that one large body does not hold up the others."""
    if len(data) < _LARGE:
        return work(data)
    return await asyncio.to_thread(work, data)
