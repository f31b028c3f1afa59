"""The address of PostgreSQL, and what else it takes to connect."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

Pooler = Literal["none", "transaction"]

_MODES: Final = ("disable", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAccess:
    """What a client needs beyond the address."""

    ca_file: Path | None = None
    """Certificates of private authorities, trusted besides the ones of the system."""
    pooler: Pooler = "none"
    """Whether a pooler in front gives each transaction a connection of its own, as PgBouncer does."""


DIRECT: Final = PostgresAccess()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """An address that was checked, and how its connections are encrypted."""

    url: str
    tls: ssl.SSLContext | bool | str | None
    """None: encrypted if the server offers it, and never checked."""


def postgres_target(url: str, access: PostgresAccess = DIRECT) -> PostgresTarget:
    """Return where to connect. Raises ValueError with what must hold, and without any part of the address."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = options.pop("sslmode", "")
    if parts.scheme != "postgresql+asyncpg" or not parts.hostname or options:
        raise ValueError(
            "must be postgresql+asyncpg://user:password@host:port/database, with no option but ?sslmode=verify-full"
        )
    if mode not in ("", *_MODES):
        raise ValueError(f"must have a `sslmode` of {', '.join(_MODES)}")
    return PostgresTarget(url=urlunsplit(parts._replace(query="")), tls=_tls(mode, access.ca_file))


def _tls(mode: str, ca_file: Path | None) -> ssl.SSLContext | bool | str | None:
    if mode == "disable":
        return False
    if not mode.startswith("verify"):
        return mode or None
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
