"""E-mail addresses: ASCII only, so that no look-alike letter makes two addresses of what a reader sees as one."""

from __future__ import annotations

import re

MAX_CHARS = 254
_MAX_LOCAL_CHARS = 64
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_ADDRESS = re.compile(rf"({_LOCAL})@{_LABEL}(?:\.{_LABEL})*\.[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.ASCII)


def normal_email(text: str) -> str:
    """The address in the one form that is stored and compared: lower case; raises ValueError when it is none."""
    lowered = text.lower() if text.isascii() else ""
    match = _ADDRESS.fullmatch(lowered)
    if match is None or len(lowered) > MAX_CHARS or len(match[1]) > _MAX_LOCAL_CHARS:
        raise ValueError("not an e-mail address; it has only ASCII characters")
    return lowered
