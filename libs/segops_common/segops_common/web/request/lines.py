"""Stream bodies too large for memory: they are read and inflated only as fast as the caller consumes them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from segops_common.core.problems import PayloadTooLarge, RequestTimeout, UnsupportedMedia
from segops_common.web.request.body import READ_TIMEOUT_S, discard_body, malformed_encoding

MAX_STREAM_BYTES: Final = 64 << 20
MAX_INFLATED_STREAM_BYTES: Final = 256 << 20
MAX_LINE_BYTES: Final = 64 << 10
MAX_STREAM_S: Final = 600.0
_PIECE_BYTES: Final = 64 << 10


async def stream_body(request: Request) -> AsyncIterator[bytes]:
    """Yield the inflated body, in pieces of at most 64 KiB or as they arrive.

    Raises PayloadTooLarge beyond 64 MiB, or 256 MiB inflated; RequestTimeout when nothing arrives for 10 s, or the body
    does not end within 10 minutes; UnsupportedMedia for an encoding other than gzip, MalformedRequest for a corrupt one,
    and starlette's ClientDisconnect when the client goes away before the end.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia(
            "`Content-Encoding` must be gzip, or absent.",
            slug="unsupported-encoding",
            headers={"Accept-Encoding": "gzip"},
        )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:16]) > MAX_STREAM_BYTES:
        await discard_body(request)
        raise _too_large()
    inflater = _Inflater() if encoding == "gzip" else None
    inflated = 0
    async for wire in _wire(request):
        for piece in (wire,) if inflater is None else inflater.feed(wire):
            inflated += len(piece)
            if inflated > MAX_INFLATED_STREAM_BYTES:
                raise _too_large()
            yield piece
            # Pieces of one message come without any wait: let other tasks run in between.
            await asyncio.sleep(0)
    if inflater is not None:
        inflater.end()


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
            raise RequestTimeout(
                f"The body must not pause for {READ_TIMEOUT_S:.0f} seconds or last {MAX_STREAM_S:.0f} seconds.",
                headers={"Connection": "close"},
            ) from error
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
    """Inflates gzip in pieces, so that a highly compressed body takes the memory of one piece."""

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
            raise malformed_encoding(wire, "gzip") from error

    def end(self) -> None:
        if self._fed and not self._member.eof:
            raise malformed_encoding(b"", "gzip")


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body must not exceed {MAX_STREAM_BYTES} bytes, or {MAX_INFLATED_STREAM_BYTES} bytes when inflated.",
        headers={"Connection": "close"},
    )
