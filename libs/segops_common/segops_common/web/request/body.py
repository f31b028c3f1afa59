"""Read JSON bodies within limits: bytes are counted while reading, and values that a store could not hold are refused."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import orjson
from backports import zstd
from starlette.requests import ClientDisconnect, Request

from segops_common.core.problems import (
    Fault,
    MalformedRequest,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMedia,
    ValidationFailed,
)
from segops_common.web.request.paths import child_path

MAX_WIRE_BYTES = 1 << 20
MAX_INFLATED_BYTES = 4 << 20
MAX_DEPTH = 24
"""Enough for a definition of 8 levels whose deepest condition filters a list; events have a lower limit."""
MAX_MEMBERS = 100_000
"""Values in one body, over all levels: a bound on the work of validation."""
READ_TIMEOUT_S = 10.0
_ZSTD_WINDOW_LOG = 23
_ENCODINGS = "gzip, zstd"


async def read_body(request: Request) -> bytes:
    """Return the inflated body.

    Raises PayloadTooLarge after reading little more than the limit, RequestTimeout after 10 s, UnsupportedMedia for an
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
    if declared.isascii() and declared.isdigit() and int(declared[:16]) > MAX_WIRE_BYTES:
        raise _too_large()
    wire = await _read_wire(request)
    if encoding == "identity" or not wire:
        return wire
    try:
        return _gunzip(wire) if encoding == "gzip" else _unzstd(wire)
    except (zlib.error, zstd.ZstdError) as error:
        raise malformed_encoding() from error


def require_json(request: Request, *also: str) -> None:
    """Raise UnsupportedMedia unless the body is declared as JSON, or as one of the other media types."""
    declared = request.headers.get("content-type", "")
    if declared == "application/json":
        return
    medium = declared.partition(";")[0].strip().lower()
    if medium != "application/json" and medium not in also:
        raise UnsupportedMedia("`Content-Type` must be application/json.", headers={"Accept": "application/json"})


def parse_json(body: bytes) -> Any:
    """Return the value of a body. Raises MalformedRequest (malformed-json, too-deep) or ValidationFailed.

    Unlike the standard library's parser it refuses NaN, numbers beyond a double, encodings other than UTF-8 and lone
    surrogates.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth"):
            raise _too_deep() from error
        raise MalformedRequest("The body must be valid JSON in UTF-8.", slug="malformed-json") from error
    check_complexity(body, value)
    if b"\\u0000" in body:
        _refuse_nul(value)
    return value


def check_complexity(body: bytes, value: Any) -> None:
    """Raise MalformedRequest (too-deep) beyond 24 levels, ValidationFailed (too-complex) beyond 100,000 values."""
    opened = body.count(b"[") + body.count(b"{")
    if opened <= MAX_DEPTH and body.count(b",") < MAX_MEMBERS:
        return
    members, level = 0, [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        members += sum(map(len, level))
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) is dict or type(item) is list
        ]
    if level:
        raise _too_deep()
    if members > MAX_MEMBERS:
        raise ValidationFailed(f"The body must not have more than {MAX_MEMBERS} values.", slug="too-complex")


async def _read_wire(request: Request) -> bytes:
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_WIRE_BYTES:
            raise _too_large()
        return body
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read_chunks(request, message)
    except TimeoutError as error:
        raise RequestTimeout(
            f"The body must arrive within {READ_TIMEOUT_S:.0f} seconds.", headers={"Connection": "close"}
        ) from error


async def _read_chunks(request: Request, message: Any) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > MAX_WIRE_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)
        message = await request.receive()
    raise ClientDisconnect


def _gunzip(wire: bytes) -> bytes:
    out = bytearray()
    while wire:
        inflater = zlib.decompressobj(wbits=31)
        out += inflater.decompress(wire, MAX_INFLATED_BYTES + 1 - len(out))
        if len(out) > MAX_INFLATED_BYTES:
            raise _too_large()
        if not inflater.eof:
            raise malformed_encoding()
        wire = inflater.unused_data
    return bytes(out)


def _unzstd(wire: bytes) -> bytes:
    out = bytearray()
    while wire:
        inflater = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
        out += inflater.decompress(wire, MAX_INFLATED_BYTES + 1 - len(out))
        if len(out) > MAX_INFLATED_BYTES:
            raise _too_large()
        if not inflater.eof:
            raise malformed_encoding()
        wire = inflater.unused_data
    return bytes(out)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body must not exceed {MAX_WIRE_BYTES} bytes, or {MAX_INFLATED_BYTES} bytes when inflated.",
        headers={"Connection": "close"},
    )


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The body must not nest deeper than {MAX_DEPTH} levels.", slug="too-deep")


def malformed_encoding() -> MalformedRequest:
    """Return the problem for a body that does not match its Content-Encoding."""
    return MalformedRequest("The body must be encoded as its `Content-Encoding` says.", slug="malformed-encoding")


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
