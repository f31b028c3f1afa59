"""Which addresses a request to a receiver may reach: public ones, and networks that the operator allows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_URL_CHARS: Final = 2_048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_LOWEST_FREE_PORT: Final = 1_024
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\Z"
)
# Hosts that some resolvers read as an address: decimal, octal, hexadecimal, or with fewer than four parts.
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
# Public by their registry, but within clouds they lead to services of the host.
_HOST_SERVICES: Final = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
# They lead to an IPv4 address: which one, a gateway decides, so none of them is allowed.
_TRANSLATED: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96"))
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: the scheme, the host without brackets, and the port."""

    scheme: str
    host: str
    port: int

    @property
    def literal(self) -> Address | None:
        """The address, if the host is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def target_of(url: str) -> Target:
    """Return where a URL leads. Raises ValueError, which says what must hold."""
    if len(url) > MAX_URL_CHARS or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError(
            f"must be ASCII without spaces, control characters and backslashes, at most {MAX_URL_CHARS} characters"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("must be a URL") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with `https://`")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password")
    if "#" in url:
        raise ValueError("must not have a fragment")
    target = Target(parts.scheme, (host or "").rstrip("."), _DEFAULT_PORTS[parts.scheme] if port is None else port)
    _check_host(target)
    if target.port not in _DEFAULT_PORTS.values() and target.port < _LOWEST_FREE_PORT:
        raise ValueError(f"must have the port 443, 80, or one from {_LOWEST_FREE_PORT} on")
    return target


def _check_host(target: Target) -> None:
    if target.literal is not None and "%" not in target.host:
        return
    if _HOST.match(target.host) is None:
        raise ValueError(
            "must have a host name or an IP address as its host, with letters of other scripts as Punycode"
        )
    if _NUMBER.match(target.host.rpartition(".")[2]):
        raise ValueError("must have a host name, or an IP address in its usual form")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Decides about addresses. `allowed` are networks that the operator allows besides public addresses."""

    allowed: Sequence[Network] = ()

    def check_url(self, url: str) -> Target:
        """Return where a URL leads. Raises ValueError if no request may be sent to it, as far as can be known without DNS."""
        target = target_of(url)
        if target.scheme == "http" and not self.allowed:
            raise ValueError("must begin with `https://`")
        if target.literal is not None:
            self.check(target, target.literal)
        elif target.host == "localhost" or target.host.endswith(".localhost"):
            self.check(target, ipaddress.ip_address("127.0.0.1"))
        return target

    def check(self, target: Target, address: Address) -> None:
        """Raise ValueError unless a request to the target may be sent to this address."""
        plain = _plain(address)
        if any(plain in network for network in self.allowed if network.version == plain.version):
            return
        if not _is_public(plain):
            raise ValueError("must lead to a public address: this installation allows no others")
        if target.scheme != "https":
            raise ValueError("must begin with `https://`")


def _plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address is another form of."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    unsafe = (*_HOST_SERVICES, *_TRANSLATED)
    return not any(address in network for network in unsafe if network.version == address.version)
