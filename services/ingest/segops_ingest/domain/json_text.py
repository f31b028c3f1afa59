"""Bytes to JSON values: one strict parser, and one repair that saves customers' events."""

from __future__ import annotations

import re
from typing import Any

import orjson

_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


class MalformedJson(ValueError):
    """The text is not JSON (RFC 8259)."""


class TooDeep(MalformedJson):
    """The text nests deeper than the parser goes."""


def parse(text: bytes) -> Any:
    """The value of a JSON text; unpaired surrogate escapes become U+FFFD, as JSON.stringify of a cut emoji makes them.

    NaN, Infinity, numbers beyond a double, a byte order mark and bytes that are not UTF-8 raise MalformedJson.
    The last of duplicate keys wins.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        first = error
    repaired = _with_lone_surrogates_replaced(text)
    if repaired == text:
        raise _problem(first)
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError as error:
        raise _problem(error) from None


def _with_lone_surrogates_replaced(text: bytes) -> bytes:
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found["lone"] else found[0], text)


def _problem(error: orjson.JSONDecodeError) -> MalformedJson:
    if "depth" in error.msg or "ecursion" in error.msg:
        return TooDeep("the JSON text nests too deep")
    return MalformedJson(f"not JSON at byte {error.pos}" if error.pos else "not JSON")
