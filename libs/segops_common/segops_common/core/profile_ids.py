"""The rule for ids of users: one for events, static lists and lookups."""

from __future__ import annotations

from typing import Final

MAX_PROFILE_ID_CHARS: Final = 256
ZERO_WIDTH: Final = "\u180e\u200b\u200c\u200d\u2060\ufeff"
"""Characters that take no room, which spreadsheets and web pages leave around copied text."""
INVISIBLE: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000" + ZERO_WIDTH
)
"""White space as `str.isspace` defines it, and zero-width characters: an id of these alone is blank."""


ANONYMOUS_PREFIX: Final = "anon_"
"""Begins the id of every visitor of a key that requires signed user ids: no visitor can take the id of a user."""


def signed_visitor_id(anonymous_id: str) -> str:
    """Return the id of a visitor of a key that requires signed user ids. It may be too long."""
    return anonymous_id if anonymous_id.startswith(ANONYMOUS_PREFIX) else f"{ANONYMOUS_PREFIX}{anonymous_id}"


def is_blank(text: str) -> bool:
    """Return whether nothing of the text is visible."""
    return not trimmed(text)


def trimmed(text: str) -> str:
    """Return the text without invisible characters at its ends."""
    return text.strip(INVISIBLE)


def profile_id_fault(value: object) -> tuple[str, str] | None:
    """Return the code and detail for an id that is not valid, else None."""
    if type(value) is not str:
        return "wrong-type", "must be text"
    if not 0 < len(value) <= MAX_PROFILE_ID_CHARS:
        return "wrong-length", f"must have 1 to {MAX_PROFILE_ID_CHARS} characters"
    if "\0" in value:
        return "nul-character", "must not contain U+0000"
    return ("blank", "must have a visible character") if is_blank(value) else None
