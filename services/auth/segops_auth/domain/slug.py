"""Tenant slugs: short lower-case names that are safe in host names and paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

MIN_CHARS = 2
MAX_CHARS = 63
# No two hyphens in a row: `xn--` would start an internationalised domain name.
PATTERN = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
_SHAPE = re.compile(PATTERN.removesuffix("$") + r"\Z", re.ASCII)
_RESERVED = """
about abuse account accounts admin administrator api app assets auth billing blog cdn console contact dashboard
dev docs email events example ftp health help home hostmaster imap ingest ingestion internal invite invites
legal localhost login logout mail me media membership metrics news noc null oauth openapi ops owner pop
postmaster pricing privacy production public root sdk security segments segops settings signin signup smtp sso
staging static status support system team tenant tenants terms test undefined user users v1 v2 webhook webhooks
webmaster www
"""
RESERVED = frozenset(_RESERVED.split())
_FIRST_NUMBER, _LAST_NUMBER = 2, 20


def valid_slug(text: str) -> str:
    """Return the slug. Raises ValueError if it is malformed or reserved."""
    if not MIN_CHARS <= len(text) <= MAX_CHARS or _SHAPE.match(text) is None:
        raise ValueError(
            f"must be {MIN_CHARS} to {MAX_CHARS} lower-case letters and digits, with single hyphens between them"
        )
    if text in RESERVED:
        raise ValueError("must not be a reserved name")
    return text


def slug_fault(text: str) -> str | None:
    """Return what is wrong with the form of the slug, or None."""
    try:
        valid_slug(text)
    except ValueError as error:
        return str(error)
    return None


def slug_suggestions(text: str) -> Iterator[str]:
    """Yield valid slugs that resemble the text, the closest first. For `Acme Inc.`: `acme-inc`, `acme-inc-2` to `-20`."""
    stem = "-".join(re.findall(r"[a-z0-9]+", text.lower()))
    if not stem:
        return
    numbers = (f"-{number}" for number in range(_FIRST_NUMBER, _LAST_NUMBER + 1))
    for suffix in chain([""], numbers):
        slug = stem[: MAX_CHARS - len(suffix)].rstrip("-") + suffix
        if slug_fault(slug) is None:
            yield slug
