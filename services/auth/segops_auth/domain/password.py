"""Which passwords are accepted. Length matters more than the kinds of characters; common passwords are refused."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

MIN_CHARS = 8
MAX_CHARS = 128
_COMMON = Path(__file__).with_name("common_passwords.txt")


def normal_password(text: str) -> str:
    """Return the form that is hashed. It is the same for every way to type the same characters.

    Raises ValueError for text that no hash can belong to. This check is cheap: do it before the hash, which is not.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"must be at most {MAX_CHARS} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode") from error
    return unicodedata.normalize("NFC", text)


def new_password(text: str, email: str) -> str:
    """Return the normal form of a new password. Raises ValueError, with the reason, for a weak one."""
    password = normal_password(text)
    if len(password) < MIN_CHARS:
        raise ValueError(f"must be at least {MIN_CHARS} characters")
    lowered = password.casefold()
    if lowered in _common_passwords() or len(set(lowered)) < 3:
        raise ValueError("must not be a common password")
    if lowered in (email, email.split("@")[0]):
        raise ValueError("must not be your email address")
    return password


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split())
