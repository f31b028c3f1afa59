"""Bodies too large for memory: read as they come, inflated as they are read, with the pace of whoever takes them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from segops_common.core.problems import (
    Fault,
    MalformedRequest,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMedia,
    ValidationFailed,
)
from segops_common.web.request.body import READ_TIMEOUT_S

MAX_STREAM_BYTES: Final = 64 << 20
MAX_INFLATED_STREAM_BYTES: Final = 256 << 20
MAX_LINE_BYTES: Final = 64 << 10
MAX_STREAM_S: Final = 600.0
_PIECE_BYTES: Final = 64 << 10


async def stream_body(request: Request) -> AsyncIterator[bytes]:
    """The body, inflated, in pieces of at most 64 KiB or as they came.

    Raises PayloadTooLarge beyond 64 MiB, or 256 MiB inflated; RequestTimeout when nothing comes for 10 s, or the end not
    within 10 minutes; UnsupportedMedia for an encoding other than gzip, MalformedRequest for a broken one, and
    starlette's ClientDisconnect when the client went away before the end.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia(
            "Send the body as it is, or encoded by gzip.",
            slug="unsupported-encoding",
            headers={"Accept-Encoding": "gzip"},
        )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:16]) > MAX_STREAM_BYTES:
        raise _too_large()
    inflater = _Inflater() if encoding == "gzip" else None
    inflated = 0
    async for wire in _wire(request):
        for piece in (wire,) if inflater is None else inflater.feed(wire):
            inflated += len(piece)
            if inflated > MAX_INFLATED_STREAM_BYTES:
                raise _too_large()
            yield piece
            # Nothing else waits between the pieces of what came at once: others get their turn.
            await asyncio.sleep(0)
    if inflater is not None:
        inflater.end()


async def lines_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """The lines of a body, without their ends, some at a time; the last may lack its end. Raises ValidationFailed."""
    rest = b""
    number = 0
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise _long_line(number + len(lines) + 1)
        number += len(lines)
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]


async def _wire(request: Request) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + MAX_STREAM_S
    size = 0
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + READ_TIMEOUT_S)):
                message = await request.receive()
        except TimeoutError as error:
            raise RequestTimeout("The body did not arrive in time.", headers={"Connection": "close"}) from error
        if message["type"] != "http.request":
            raise ClientDisconnect
        body: bytes = message.get("body", b"")
        size += len(body)
        if size > MAX_STREAM_BYTES:
            raise _too_large()
        if body:
            yield body
        more = message.get("more_body", False)


class _Inflater:
    """gzip in pieces: however well a body is packed, one piece is in memory."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._fed = False

    def feed(self, wire: bytes) -> Iterator[bytes]:
        try:
            while wire:
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=31)
                self._fed = True
                yield self._member.decompress(wire, _PIECE_BYTES)
                wire = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        except zlib.error as error:
            raise _malformed_encoding() from error

    def end(self) -> None:
        if self._fed and not self._member.eof:
            raise _malformed_encoding()


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"This body has at most {MAX_STREAM_BYTES} bytes, {MAX_INFLATED_STREAM_BYTES} when inflated.",
        headers={"Connection": "close"},
    )


def _long_line(number: int) -> ValidationFailed:
    fault = Fault(f"body[line {number}]", "wrong-length", f"a line has at most {MAX_LINE_BYTES} bytes")
    return ValidationFailed("A line is too long.", errors=[fault])


def _malformed_encoding() -> MalformedRequest:
    return MalformedRequest("The body is not what its Content-Encoding says.", slug="malformed-encoding")
