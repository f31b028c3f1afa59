"""Say what is wrong with a text that is not JSON, and what its sender should do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_UTF8_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_COMPRESSED: Final = (
    (b"\x1f\x8b", "looks like gzip: send it with `Content-Encoding: gzip`"),
    (b"\x28\xb5\x2f\xfd", "looks like zstd: send it with `Content-Encoding: zstd`"),
    (b"\x78\x01", "looks like zlib: compress it as gzip, and send `Content-Encoding: gzip`"),
    (b"\x78\x9c", "looks like zlib: compress it as gzip, and send `Content-Encoding: gzip`"),
    (b"\x78\xda", "looks like zlib: compress it as gzip, and send `Content-Encoding: gzip`"),
    (b"PK\x03\x04", "looks like a ZIP file: send its content"),
)
# What stands at the error, and its name. The first match counts.
_TOKENS: Final[Sequence[tuple[re.Pattern[bytes], str]]] = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (rb"[-+]?nan\b", "`NaN` is not JSON: send null, or leave the value out"),
        (rb"[-+]?inf(inity)?\b", "`Infinity` is not JSON: send null, or leave the value out"),
        (rb"undefined\b", "`undefined` is not JSON: send null, or leave the value out"),
        (rb"none\b", "`None` is not JSON: write null"),
        (rb"true\b|false\b", "true and false must be written in lower case"),
        (rb"'", "text must be in double quotes"),
        (rb"/[/*]|#", "JSON has no comments: remove them"),
        (rb"<", "this looks like HTML or XML, not JSON"),
        (rb"[\w.-]+=", "this looks like a form, not JSON"),
    )
)
_SHOWN_NUMBER: Final = re.compile(rb"[-+0-9.eE]{1,24}")


def explain_malformed(text: bytes, reason: str, position: int) -> str:
    """Return why a text is not JSON, as a sentence that begins with "The body must".

    `reason` and `position` (in characters) are the parser's. Only digits of the text are repeated.
    """
    return f"The body must be valid JSON in UTF-8: {_seen(text, reason, position)}."


def explain_encoding(wire: bytes, encoding: str) -> str:
    """Return why a body cannot be inflated, as a sentence."""
    is_plain = wire.lstrip()[:1] in (b"{", b"[")
    advice = "it is not compressed, so leave the header out" if is_plain else "it is damaged or cut off"
    return f"The body must be encoded as its `Content-Encoding` says ({encoding}): {advice}."


def _seen(text: bytes, reason: str, position: int) -> str:
    if not text.strip():
        return "it is empty"
    first = _beginning(text)
    if first is not None:
        return first
    try:
        characters = text.decode()
    except UnicodeDecodeError as error:
        return _wrong_byte(text, error.start)
    if not characters[position:].strip():
        return "it ends too early, so it may have been cut off"
    offset = len(characters[:position].encode())
    return f"{_at(text[offset:], reason)} (byte {offset})"


def _beginning(text: bytes) -> str | None:
    """Return what the first bytes of a text reveal, or None."""
    if text.startswith(_UTF8_MARK):
        return "it begins with a byte order mark (EF BB BF): remove these three bytes"
    for mark, name in _OTHER_MARKS:
        if text.startswith(mark):
            return f"it is {name}: encode it as UTF-8"
    for magic, advice in _COMPRESSED:
        if text.startswith(magic):
            return f"it {advice}"
    # An ASCII character in UTF-16 or UTF-32 has a zero byte before or after it.
    if b"\0" in text[:2] or text[2:4] == b"\0\0":
        return "it looks like UTF-16 or UTF-32: encode it as UTF-8"
    return None


def _wrong_byte(text: bytes, offset: int) -> str:
    byte = text[offset]
    if byte == 0xED and text[offset + 1 : offset + 2] >= b"\xa0":
        return f"byte {offset} begins a surrogate, which UTF-8 cannot contain: encode the whole character"
    return f"byte {offset} (0x{byte:02X}) is not UTF-8, so it may be Latin-1 or Windows-1252: encode it as UTF-8"


def _at(rest: bytes, reason: str) -> str:
    if "infinity" in reason:
        number = _SHOWN_NUMBER.match(rest)
        shown = f"`{number[0].decode()}` " if number is not None and number.end() < 24 else "a number "
        return f"{shown}is beyond the range of a double: send a smaller number, or text"
    if "surrogate" in reason:
        return "a `\\u` escape is one half of a character: write both halves, or the character itself"
    lower = rest[:16].lower()
    for pattern, advice in _TOKENS:
        if pattern.match(lower):
            return advice
    return reason
