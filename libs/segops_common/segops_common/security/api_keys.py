"""API keys: a prefix such as `sk_live_` or `pk_test_`, 256 random bits, and a checksum that reveals typing errors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib

from segops_common.core.ids import Ids
from segops_common.security.permissions import KeyKind

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_BYTES = 32
# 62**43 is just above 2**256, 62**6 above 2**32.
_SECRET_DIGITS = 43
_CHECK_DIGITS = 6
_KINDS = {KeyKind.SECRET: "sk", KeyKind.PUBLISHABLE: "pk"}
_SHAPE = re.compile(r"[sp]k_(?:live|test)_[0-9A-Za-z]{49}", re.ASCII)


def key_prefix(kind: KeyKind, *, is_test: bool = False) -> str:
    """Return the prefix of keys of that kind; `is_test` for keys of a test tenant."""
    return f"{_KINDS[kind]}_{'test' if is_test else 'live'}_"


def new_key(kind: KeyKind, ids: Ids, *, is_test: bool = False) -> str:
    """Return a new key in plain text: show it once, and store only its hash."""
    text = ids.token(_SECRET_BYTES)
    secret = int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    body = key_prefix(kind, is_test=is_test) + _base62(secret, _SECRET_DIGITS)
    return body + _checksum(body)


def looks_valid(key: str) -> bool:
    """Return whether form and checksum are right, without any lookup."""
    return _SHAPE.fullmatch(key) is not None and _checksum(key[:-_CHECK_DIGITS]) == key[-_CHECK_DIGITS:]


def without_keys(text: str) -> str:
    """Return the text with no more of each key than its prefix."""
    return _SHAPE.sub(lambda match: f"{match[0][:8]}…", text)


def hash_key(pepper: str, key: str) -> str:
    """Return the HMAC-SHA256 to store, in hexadecimal. A secret of 256 bits needs no slow hash."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """Return the SHA-256 in hexadecimal, which identifies a key in a cache without containing it."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
