"""Tenant slugs: short lower-case names that are safe in host names and paths."""

from __future__ import annotations

import re

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


def valid_slug(text: str) -> str:
    """Return the slug. Raises ValueError if it is malformed or reserved."""
    if not MIN_CHARS <= len(text) <= MAX_CHARS or _SHAPE.match(text) is None:
        raise ValueError(
            f"must be {MIN_CHARS} to {MAX_CHARS} lower-case letters and digits, with single hyphens between them"
        )
    if text in RESERVED:
        raise ValueError("must not be a reserved name")
    return text
