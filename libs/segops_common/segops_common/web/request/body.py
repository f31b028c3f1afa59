"""Read JSON bodies within limits: bytes are counted while reading, and values that a store could not hold are refused."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from dataclasses import dataclass
from typing import Any, Final

import orjson
from backports import zstd
from starlette.requests import ClientDisconnect, Request

from segops_common.core.json_text import explain_encoding, explain_malformed
from segops_common.core.problems import (
    Fault,
    MalformedRequest,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMedia,
    ValidationFailed,
)
from segops_common.web.request.paths import child_path

MAX_WIRE_BYTES: Final = 1 << 20
MAX_INFLATED_BYTES: Final = 4 << 20
MAX_DEPTH: Final = 24
"""Enough for a definition of 8 levels whose deepest condition filters a list; events have a lower limit."""
MAX_MEMBERS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """What a JSON body may cost before anything validates it. `members` are values and keys over all levels."""

    wire_bytes: int = MAX_WIRE_BYTES
    inflated_bytes: int = MAX_INFLATED_BYTES
    members: int = 2_000
    depth: int = MAX_DEPTH
    keys: int = 100
    """Keys of one object. No model of ours has as many fields, and each unknown key becomes an error."""


SMALL_BODY: Final = BodyLimits()
LARGE_BODY: Final = BodyLimits(members=MAX_MEMBERS)
"""For routes that take definitions or lists."""
ANONYMOUS_BODY: Final = BodyLimits(wire_bytes=16 << 10, inflated_bytes=16 << 10, members=100, depth=4, keys=50)
"""For routes that anyone may call."""

READ_TIMEOUT_S = 10.0
DISCARDED_BYTES: Final = 8 << 20
"""Read and dropped of a body that is too large, before the refusal."""
DISCARD_S: Final = 2.0
_ZSTD_WINDOW_LOG = 23
_ENCODINGS = "gzip, zstd"


async def read_body(request: Request, limits: BodyLimits = LARGE_BODY) -> bytes:
    """Return the inflated body.

    Raises PayloadTooLarge after reading a bounded rest, RequestTimeout after 10 s, UnsupportedMedia for an
    encoding other than gzip and zstd, MalformedRequest for a corrupt one, and starlette's ClientDisconnect when the
    client has gone.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "zstd"):
        raise UnsupportedMedia(
            "`Content-Encoding` must be gzip or zstd, or absent.",
            slug="unsupported-encoding",
            headers={"Accept-Encoding": _ENCODINGS},
        )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:16]) > limits.wire_bytes:
        await discard_body(request)
        raise _too_large(limits)
    wire = await _read_wire(request, limits)
    if encoding == "identity" or not wire:
        return wire
    try:
        return (_gunzip if encoding == "gzip" else _unzstd)(wire, limits)
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise malformed_encoding(wire, encoding) from error


async def discard_body(request: Request) -> None:
    """Read and drop the rest of a body, at most `DISCARDED_BYTES` and for at most `DISCARD_S`.

    A connection that is closed over unread bytes is reset, and a proxy that was still sending them answers 502 instead
    of the refusal. A client that waits for `100 Continue` has sent nothing: its body is not asked for.
    """
    if "expect" in request.headers:
        return
    discarded = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            while discarded <= DISCARDED_BYTES:
                message = await request.receive()
                discarded += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def require_json(request: Request, *also: str) -> None:
    """Raise UnsupportedMedia unless the body is declared as JSON, or as one of the other media types."""
    declared = request.headers.get("content-type", "")
    if declared == "application/json":
        return
    medium = declared.partition(";")[0].strip().lower()
    if medium != "application/json" and medium not in also:
        raise UnsupportedMedia("`Content-Type` must be application/json.", headers={"Accept": "application/json"})


def parse_json(body: bytes, limits: BodyLimits = LARGE_BODY) -> Any:
    """Return the value of a body. Raises MalformedRequest (malformed-json, too-deep) or ValidationFailed (too-complex).

    Unlike the standard library's parser it refuses NaN, numbers beyond a double, encodings other than UTF-8 and lone
    surrogates.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth"):
            raise _too_deep(limits) from error
        detail = explain_malformed(body, error.msg, error.pos)
        raise MalformedRequest(detail, slug="malformed-json") from error
    check_complexity(body, value, limits)
    if b"\\u0000" in body:
        _refuse_nul(value)
    return value


def check_complexity(body: bytes, value: Any, limits: BodyLimits = LARGE_BODY) -> None:
    """Raise MalformedRequest (too-deep) or ValidationFailed (too-complex) for a body beyond the limits."""
    opened = body.count(b"[") + body.count(b"{")
    if opened <= limits.depth and body.count(b",") < min(limits.members, limits.keys):
        return
    members, level = 0, [value] if type(value) in (dict, list) else []
    for _ in range(limits.depth):
        members += sum(map(len, level))
        if any(len(holder) > limits.keys for holder in level if type(holder) is dict):
            raise _too_complex(f"An object in the body must not have more than {limits.keys} keys.")
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) is dict or type(item) is list
        ]
    if level:
        raise _too_deep(limits)
    if members > limits.members:
        raise _too_complex(f"The body must not have more than {limits.members} values.")


def _too_complex(detail: str) -> ValidationFailed:
    return ValidationFailed(detail, slug="too-complex")


async def _read_wire(request: Request, limits: BodyLimits) -> bytes:
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limits.wire_bytes:
            raise _too_large(limits)
        return body
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read_chunks(request, message, limits)
    except TimeoutError as error:
        raise RequestTimeout(
            f"The body must arrive within {READ_TIMEOUT_S:.0f} seconds.", headers={"Connection": "close"}
        ) from error


async def _read_chunks(request: Request, message: Any, limits: BodyLimits) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > limits.wire_bytes:
            if message.get("more_body", False):
                await discard_body(request)
            raise _too_large(limits)
        if not message.get("more_body", False):
            return bytes(body)
        message = await request.receive()
    raise ClientDisconnect


def _gunzip(wire: bytes, limits: BodyLimits) -> bytes:
    out = bytearray()
    while wire:
        inflater = zlib.decompressobj(wbits=31)
        out += inflater.decompress(wire, limits.inflated_bytes + 1 - len(out))
        if len(out) > limits.inflated_bytes:
            raise _too_large(limits)
        if not inflater.eof:
            raise EOFError
        wire = inflater.unused_data
    return bytes(out)


def _unzstd(wire: bytes, limits: BodyLimits) -> bytes:
    out = bytearray()
    while wire:
        inflater = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
        out += inflater.decompress(wire, limits.inflated_bytes + 1 - len(out))
        if len(out) > limits.inflated_bytes:
            raise _too_large(limits)
        if not inflater.eof:
            raise EOFError
        wire = inflater.unused_data
    return bytes(out)


def _too_large(limits: BodyLimits) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body must not exceed {limits.wire_bytes} bytes, or {limits.inflated_bytes} bytes when inflated.",
        headers={"Connection": "close"},
    )


def _too_deep(limits: BodyLimits) -> MalformedRequest:
    return MalformedRequest(f"The body must not nest deeper than {limits.depth} levels.", slug="too-deep")


def malformed_encoding(wire: bytes, encoding: str) -> MalformedRequest:
    """Return the problem for a body that does not match its Content-Encoding. `wire` is its beginning, or empty."""
    return MalformedRequest(explain_encoding(wire, encoding), slug="malformed-encoding")


def _refuse_nul(root: Any) -> None:
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, str) and "\0" in value:
            raise nul_character(path)
        if isinstance(value, dict):
            if any("\0" in key for key in value):
                raise nul_character(path)
            pending += [(child_path(path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            pending += [(child_path(path, index), item) for index, item in enumerate(value)]


def nul_character(path: str) -> ValidationFailed:
    """Return the problem for a string with U+0000, which PostgreSQL cannot store."""
    fault = Fault(path, "nul-character", "must not contain U+0000")
    return ValidationFailed("Strings must not contain U+0000.", errors=[fault])
