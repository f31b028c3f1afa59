"""Where the engines are: which addresses are taken, and which certificates are trusted. Errors never quote an address."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from segops_cli.errors import CliError, usage

_POSTGRES: Final = (
    "PostgreSQL must be postgresql://user:password@host:port/database, with no option but ?sslmode=verify-full"
)
_CLICKHOUSE: Final = (
    "ClickHouse must be http://user:password@host:port/database of one server, or https://… for TLS,"
    " without options after a question mark"
)
_REDIS: Final = (
    "Redis must be redis://user:password@host:port/database of the one server that remembers deliveries,"
    " or rediss://… for TLS, without options after a question mark"
)
_ADVICE: Final = "Encode @, /, # and % in a password with percent signs."
_MODES: Final = ("", "disable", "require", "verify-ca", "verify-full")
_DATABASE: Final = re.compile(r"/?[^/]*/?")
_DATABASE_NUMBER: Final = re.compile(r"/?[0-9]{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """An address that was checked, and how its connection is encrypted."""

    url: str = field(repr=False)
    tls: ssl.SSLContext | bool | str | None
    """None: encrypted if the server offers it, and never checked."""


def postgres_target(url: str, ca_file: Path | None) -> PostgresTarget:
    """Return where to connect. `sslmode` means what it means for services. Raises CliError."""
    parts = _parts(url, ("postgresql", "postgresql+asyncpg", "postgres"), _POSTGRES)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = options.pop("sslmode", "")
    if options or mode not in _MODES:
        raise _refusal(_POSTGRES)
    tls: ssl.SSLContext | bool | str | None = mode or None
    if mode == "disable":
        tls = False
    elif mode.startswith("verify"):
        tls = trusted(ca_file)
        tls.check_hostname = mode == "verify-full"
    return PostgresTarget(url=urlunsplit(parts._replace(scheme="postgresql", query="")), tls=tls)


def clickhouse_url(url: str) -> str:
    """Return the address. Raises CliError unless it is one of a single server."""
    parts = _parts(url, ("http", "https"), _CLICKHOUSE)
    if parts.query or "," in parts.netloc.rpartition("@")[2] or not _DATABASE.fullmatch(parts.path):
        raise _refusal(_CLICKHOUSE)
    return url


def redis_url(url: str) -> str:
    """Return the address. Raises CliError unless it is one of a single server."""
    parts = _parts(url, ("redis", "rediss"), _REDIS)
    if parts.query or not _DATABASE_NUMBER.fullmatch(parts.path):
        raise _refusal(_REDIS)
    return url


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and the ones in a file. Raises CliError if it has none."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError:
            raise usage("SEGOPS_CA_FILE must be a readable file with certificates in PEM") from None
    return context


def _parts(url: str, schemes: Collection[str], form: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise _refusal(form) from None
    # Drivers differ in which of several @ ends the password.
    if not is_valid or parts.fragment or parts.netloc.count("@") > 1 or not url.isprintable() or " " in url:
        raise _refusal(form)
    return parts


def _refusal(form: str) -> CliError:
    return usage(f"the address of {form}", _ADVICE)
