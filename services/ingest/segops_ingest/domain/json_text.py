"""Parses JSON strictly, except that unpaired surrogates are repaired: refusing them would lose customers' events."""

from __future__ import annotations

import re
from typing import Any

import orjson

from segops_common.core.json_text import explain_malformed
from segops_ingest.domain.limits import MAX_DEPTH

_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


class MalformedJson(ValueError):
    """The text is not JSON (RFC 8259)."""


class TooDeep(MalformedJson):
    """The text is nested deeper than the parser supports."""


def parse(text: bytes) -> Any:
    """Parse a JSON text. Of duplicate keys, the last one wins.

    Unpaired surrogate escapes become U+FFFD: JSON.stringify writes them for an emoji that was cut in half. Raises
    MalformedJson, also for NaN, Infinity, numbers beyond a double, a byte order mark and bytes that are not UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        first = error
    repaired = _with_lone_surrogates_replaced(text)
    if repaired == text:
        raise _problem(text, first)
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError as error:
        raise _problem(repaired, error) from None


def _with_lone_surrogates_replaced(text: bytes) -> bytes:
    return _ESCAPES.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)


def _problem(text: bytes, error: orjson.JSONDecodeError) -> MalformedJson:
    if "depth" in error.msg or "ecursion" in error.msg:
        return TooDeep(f"Objects and arrays must not be nested deeper than {MAX_DEPTH} levels.")
    return MalformedJson(explain_malformed(text, error.msg, error.pos))
