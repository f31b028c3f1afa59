"""The address of ClickHouse over HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

_DATABASE: Final = re.compile(r"/([^/]*)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouseAddress:
    """An address that was checked. With the interface `https`, connections use TLS."""

    interface: Literal["http", "https"]
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str


def clickhouse_address(url: str) -> ClickHouseAddress:
    """Return the parts of the address. Raises ValueError with what must hold, and without any part of the address.

    The driver itself would ignore the scheme, and send a password without TLS to `https://host:port`.
    """
    parts = urlsplit(url)
    path = _DATABASE.fullmatch(parts.path or "/")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or path is None:
        raise ValueError(
            "must be http://user:password@host:port/database, or https://… for TLS, without options after a question mark"
        )
    is_tls = parts.scheme == "https"
    return ClickHouseAddress(
        interface="https" if is_tls else "http",
        host=parts.hostname,
        port=parts.port or (8443 if is_tls else 8123),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=unquote(path[1]) or "default",
    )
