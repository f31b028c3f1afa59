"""Email addresses. ASCII only, so that no two addresses look the same to a reader."""

from __future__ import annotations

import re

MAX_CHARS = 254
_MAX_LOCAL_CHARS = 64
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_ADDRESS = re.compile(rf"({_LOCAL})@{_LABEL}(?:\.{_LABEL})*\.[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.ASCII)


def normal_email(text: str) -> str:
    """Return the address in lower case, the form that is stored and compared. Raises ValueError if it is malformed."""
    lowered = text.lower() if text.isascii() else ""
    match = _ADDRESS.fullmatch(lowered)
    if match is None or len(lowered) > MAX_CHARS or len(match[1]) > _MAX_LOCAL_CHARS:
        raise ValueError("must be an email address in ASCII characters, such as `ada@example.com`")
    return lowered
