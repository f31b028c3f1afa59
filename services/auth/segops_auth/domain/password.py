"""Which passwords are taken. Length counts more than kinds of characters; what everybody tries first is refused."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

MIN_CHARS = 8
MAX_CHARS = 128
_COMMON = Path(__file__).with_name("common_passwords.txt")


def normal_password(text: str) -> str:
    """The form that is hashed, equal for all ways to type the same characters; raises ValueError for what is no text.

    Costs nothing, so it comes before the hash, which does.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"use at most {MAX_CHARS} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("use characters of Unicode") from error
    return unicodedata.normalize("NFC", text)


def new_password(text: str, email: str) -> str:
    """The normal form of a password that somebody chose; raises ValueError, with the reason, for a weak one."""
    password = normal_password(text)
    if len(password) < MIN_CHARS:
        raise ValueError(f"use at least {MIN_CHARS} characters")
    lowered = password.casefold()
    if lowered in _common_passwords() or len(set(lowered)) < 3:
        raise ValueError("this is one of the first passwords that somebody would try")
    if lowered in (email, email.split("@")[0]):
        raise ValueError("this is your e-mail address")
    return password


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split())
