"""The address of ClickHouse over HTTP: one server, or the shards of a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from segops_common.stores.cluster.marks import ShardMark

_DATABASE: Final = re.compile(r"/([^/]*)/?")
_REFUSAL: Final = (
    "must be http://user:password@host:port/database, or https://… for TLS, without options after a question mark; the shards"
    " of a cluster are separated by commas: host:port,host:port"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouseAddress:
    """An address that was checked. With the interface `https`, connections use TLS.

    `host` and `port` name the first shard, `others` the following ones. `mark` is what the database of a shard must be.
    """

    interface: Literal["http", "https"]
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    others: tuple[tuple[str, int], ...] = ()
    mark: ShardMark | None = None

    def servers(self, database: str) -> tuple[ClickHouseAddress, ...]:
        """Return the address of a database on each server, in the order of the shards."""
        places = ((self.host, self.port), *self.others)
        return tuple(
            replace(self, host=host, port=port, database=database, others=(), mark=None) for host, port in places
        )

    def shards(self) -> tuple[ClickHouseAddress, ...]:
        """Return the address of the tables of each shard; none for a single server, whose tables are in the database itself."""
        servers = self.servers(shard_database(self.database)) if self.others else ()
        return tuple(
            replace(server, mark=ShardMark(server.database, number, len(servers)))
            for number, server in enumerate(servers, start=1)
        )


def shard_database(database: str) -> str:
    """Return the database with the tables of a shard. The one of the address has tables over all shards."""
    return f"{database}_shard"


def clickhouse_address(url: str) -> ClickHouseAddress:
    """Return the parts of the address. Raises ValueError with what must hold, and without any part of the address.

    The driver itself would ignore the scheme, and send a password without TLS to `https://host:port`.
    """
    parts = urlsplit(url)
    path = _DATABASE.fullmatch(parts.path or "/")
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or path is None:
        raise ValueError(_REFUSAL)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    is_tls = parts.scheme == "https"
    (host, port), *others = (_place(text, 8443 if is_tls else 8123) for text in hosts.split(","))
    return ClickHouseAddress(
        interface="https" if is_tls else "http",
        host=host,
        port=port,
        user=unquote(user or "default"),
        password=unquote(password),
        database=unquote(path[1]) or "default",
        others=tuple(others),
    )


def _place(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = SplitResult("", text, "", "", "")
        host, port = parts.hostname, parts.port or default_port
    except ValueError as error:
        raise ValueError(_REFUSAL) from error
    if not host:
        raise ValueError(_REFUSAL)
    return host, port
