"""The network address that a request comes from, also behind proxies.

A proxy appends the address of its own caller to `X-Forwarded-For`. So only the rightmost entries come from proxies, as many
as there are proxies; everything to their left is what the client wrote. The header is read from the right, and only as
long as the address that wrote an entry belongs to a trusted proxy. `Forwarded` (RFC 7239) is ignored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from starlette.requests import HTTPConnection

IPV6_SITE_BITS: Final = 64
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """The networks of proxies whose headers count, and how many proxies a request passes at most."""

    networks: tuple[Network, ...] = ()
    hops: int = 1

    def __contains__(self, address: _Address) -> bool:
        return any(address in network for network in self.networks)


NO_PROXIES: Final = TrustedProxies()


def rate_limited_address(request: HTTPConnection) -> str | None:
    """Return the network address to rate-limit: of an IPv6 address the /64 prefix, because a host has all of it.

    Return None for a loopback address. It belongs to this machine, or to a proxy that is not trusted and hides its clients,
    so that a limit would lock out all of them together.
    """
    address = client_address(request)
    if address is None or address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_SITE_BITS), strict=False))
    return str(address)


def client_address(request: HTTPConnection) -> _Address | None:
    """Return the address of the client, or None if it cannot be known."""
    proxies = _proxies(request)
    address = _peer(request)
    for entry in islice(_entries_from_the_right(request), proxies.hops):
        if address is None or address not in proxies:
            break
        forwarded = _parsed(entry)
        if forwarded is None:
            break
        address = forwarded
    return address


def came_by_https(request: HTTPConnection) -> bool:
    """Return whether the client used https, by this process or by the trusted proxy that calls it."""
    peer = _peer(request)
    if peer is not None and peer in _proxies(request):
        return request.headers.get("x-forwarded-proto", "").strip().lower() == "https"
    return request.url.scheme == "https"


def _proxies(request: HTTPConnection) -> TrustedProxies:
    proxies: TrustedProxies = request.app.state.proxies
    return proxies


def _peer(request: HTTPConnection) -> _Address | None:
    return _parsed(request.client.host) if request.client else None


def _entries_from_the_right(request: HTTPConnection) -> Iterator[str]:
    rest = ",".join(request.headers.getlist("x-forwarded-for"))
    while rest:
        rest, _, entry = rest.rpartition(",")
        yield entry.strip()


def _parsed(text: str) -> _Address | None:
    """Return the address, without the port that some proxies add. An IPv4 address in IPv6 form is an IPv4 address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
