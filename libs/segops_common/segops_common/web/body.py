"""The one gate for JSON bodies: sizes are counted while reading, and only JSON that every later part can hold passes."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from segops_common.kit.errors import Fault, MalformedRequest, PayloadTooLarge, UnsupportedMedia, ValidationFailed

MAX_WIRE_BYTES = 1 << 20
MAX_INFLATED_BYTES = 4 << 20
MAX_DEPTH = 16
# Deeper JSON is refused before it is parsed: the parser recurses.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


async def read_body(request: Request) -> bytes:
    """The body, inflated; raises PayloadTooLarge having read little more than the limit.

    Raises UnsupportedMedia for an encoding other than gzip, MalformedRequest for a broken one.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Send the body as it is or gzip-encoded.", slug="unsupported-encoding")
    if int(request.headers.get("content-length") or 0) > MAX_WIRE_BYTES:
        raise _too_large()
    chunks = _limited(request.stream())
    try:
        return await (_inflate(chunks) if encoding == "gzip" else _join(chunks))
    except ClientDisconnect as error:
        raise MalformedRequest("The connection ended before the body did.") from error


def require_json(request: Request, *also: str) -> None:
    """Raises UnsupportedMedia unless the body is declared as JSON, or as one of the other media types."""
    declared = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if declared != "application/json" and declared not in also:
        raise UnsupportedMedia("Send the body as application/json.")


def parse_json(body: bytes, *, repair_surrogates: bool = False) -> Any:
    """The value of a body; raises MalformedRequest (malformed-json, too-deep) or ValidationFailed (nul-character).

    Unlike the standard library's parser it refuses NaN, numbers beyond a double, other encodings than UTF-8 and lone
    surrogates; the last can be replaced by U+FFFD instead, since `JSON.stringify` makes them of a cut emoji.
    """
    _check_depth(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not (repair_surrogates and _LONE_SURROGATE.search(body)):
            raise MalformedRequest("The body is not JSON in UTF-8.", slug="malformed-json") from error
        return parse_json(repaired(body))
    if b"\\u0000" in body:
        _refuse_nul(value, "")
    return value


def repaired(body: bytes) -> bytes:
    """The text with each unpaired surrogate escape replaced by U+FFFD; escaped backslashes stay what they are."""
    parts = re.split(rb"(\\\\)", body)
    return b"".join(part if part == b"\\\\" else _LONE_SURROGATE.sub(rb"\\ufffd", part) for part in parts)


async def _limited(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        if seen > MAX_WIRE_BYTES:
            raise _too_large()
        yield chunk


async def _join(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def _inflate(chunks: AsyncIterator[bytes]) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    out = bytearray()
    try:
        async for chunk in chunks:
            out += inflater.decompress(chunk, MAX_INFLATED_BYTES + 1 - len(out))
            if len(out) > MAX_INFLATED_BYTES or inflater.unconsumed_tail:
                raise _too_large()
    except zlib.error as error:
        raise MalformedRequest("The body is not valid gzip.", slug="malformed-encoding") from error
    if not inflater.eof or inflater.unused_data:
        raise MalformedRequest("The body is not one complete gzip member.", slug="malformed-encoding")
    return bytes(out)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"A body has at most {MAX_WIRE_BYTES} bytes, {MAX_INFLATED_BYTES} when inflated.",
        headers={"Connection": "close"},
    )


def _check_depth(body: bytes) -> None:
    # Counting opening brackets is enough for nearly every body; strings may hold brackets too.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(body):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedRequest(f"JSON nests at most {MAX_DEPTH} levels deep.", slug="too-deep")
        elif token in (b"]", b"}"):
            depth -= 1


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValidationFailed(
                "A text holds a NUL character.",
                slug="nul-character",
                errors=[Fault(path, "nul-character", "no text may hold U+0000")],
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, path)
            _refuse_nul(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, f"{path}[{index}]")
