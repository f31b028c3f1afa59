"""The address of Redis: one server, a master that Sentinels name, or a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

SOCKET_TIMEOUT_S: Final = 0.05

Kind = Literal["server", "sentinel", "cluster"]

_URL: Final = re.compile(
    r"redis(?P<tls>s?)(?:\+(?P<kind>sentinel|cluster))?://(?:(?P<login>[^@/]*)@)?(?P<servers>[^/?#@]+)(?P<path>/[^?#]*)?"
)
_SERVER: Final = re.compile(r"(?:\[(?P<ip6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
_PATHS: Final[dict[Kind, re.Pattern[str]]] = {
    "server": re.compile(r"/?(?P<master>)(?P<database>[0-9]{0,3})"),
    "sentinel": re.compile(r"/(?P<master>[A-Za-z0-9._-]+)(?:/(?P<database>[0-9]{0,3}))?"),
    "cluster": re.compile(r"/?(?P<master>)(?P<database>0?)"),
}
_FORMS: Final[dict[Kind, str]] = {
    "server": "must be redis://user:password@host:port/database, or rediss://… for TLS",
    "sentinel": "must be redis+sentinel://user:password@host:port,host:port/master/database, with the addresses of the"
    " Sentinels, or rediss+sentinel://… for TLS",
    "cluster": "must be redis+cluster://user:password@host:port,host:port, or rediss+cluster://… for TLS: a cluster has"
    " one database",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """An address that was checked."""

    kind: Kind
    servers: tuple[tuple[str, int], ...]
    """Host and port of the server, of the Sentinels, or of some nodes of the cluster."""
    uses_tls: bool
    user: str | None
    password: str | None = field(repr=False)
    database: int
    master: str
    """The name under which Sentinels know the master; empty without Sentinels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAccess:
    """What a client needs beyond the address."""

    ca_file: Path | None = None
    """Certificates of private authorities, trusted besides the ones of the system."""
    timeout_s: float = SOCKET_TIMEOUT_S
    """How long a command may take, and connecting without TLS."""
    connect_timeout_s: float | None = None
    """How long connecting may take, if not as long as a command, or with TLS a second."""
    sentinel_user: str = ""
    sentinel_password: str = field(default="", repr=False)


CACHE: Final = RedisAccess()


def redis_address(url: str) -> RedisAddress:
    """Return the parts of the address. Raises ValueError with what must hold, and without any part of the address."""
    match = _URL.fullmatch(url)
    kind: Kind = "server"
    for name in ("sentinel", "cluster"):
        if url.partition("://")[0].endswith(f"+{name}"):
            kind = name
    path = _PATHS[kind].fullmatch((match and match["path"]) or "")
    if match is None or path is None:
        raise ValueError(f"{_FORMS[kind]}, without options after a question mark")
    servers = tuple(_server(text, kind) for text in match["servers"].split(","))
    if kind == "server" and len(servers) > 1:
        raise ValueError(f"{_FORMS[kind]}: several servers are redis+sentinel:// or redis+cluster://")
    user, separator, password = (match["login"] or "").partition(":")
    return RedisAddress(
        kind=kind,
        servers=servers,
        uses_tls=bool(match["tls"]),
        user=unquote(user) or None,
        password=unquote(password) if separator else None,
        database=int(path["database"] or 0),
        master=path["master"],
    )


def _server(text: str, kind: Kind) -> tuple[str, int]:
    match = _SERVER.fullmatch(text.strip())
    if match is None:
        raise ValueError(_FORMS[kind])
    return match["ip6"] or match["host"], int(match["port"] or (26_379 if kind == "sentinel" else 6_379))
