"""Origins of web pages (RFC 6454), in the form that browsers send."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import KeyKind
from segops_common.security.principal import ANY_ORIGIN

MAX_ORIGINS: Final = 50
MAX_HOST_CHARS: Final = 253
MAX_CHARS: Final = len("https://") + MAX_HOST_CHARS + len(":65535")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_SHAPE: Final = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>[^/:?#@\[\]]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Browsers read a host that ends in a number as an IPv4 address and refuse it if it is malformed.
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_FORM: Final = "must be scheme, host and port only, as in `https://www.example.com` or `http://localhost:3000`"


def canonical_origin(text: str) -> str:
    """Return the origin as browsers send it, or the pattern `https://*.example.com`, where `*` is one label.

    Raises ValueError if it is malformed, or has the scheme http and is not on localhost.
    """
    scheme, separator, host = text.partition("://*.")
    if not separator:
        return _canonical(text)
    suffix = _canonical(f"{scheme}://{host}")
    if _has_one_label(suffix):
        raise ValueError("must have at least two labels after `*.`, as in `https://*.example.com`")
    # An address has no subdomains: as a host it is refused here.
    return _canonical(f"{scheme}://a.{host}").replace("://a.", "://*.", 1)


def _canonical(text: str) -> str:
    if not text.isascii():
        raise ValueError("must be ASCII: write an international domain name in its `xn--` form")
    match = _SHAPE.fullmatch(text.lower())
    if match is None or match["scheme"] not in _DEFAULT_PORTS:
        raise ValueError(_FORM)
    scheme, host, port = match["scheme"], _canonical_host(match["host"]), match["port"]
    if scheme == "http" and not _is_this_machine(host):
        raise ValueError("must use https: http is for localhost only")
    if port is None or int(port) == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    if not 0 < int(port) < 2**16:
        raise ValueError("must have a port from 1 to 65535")
    return f"{scheme}://{host}:{int(port)}"


def canonical_origins(texts: Sequence[str]) -> list[str]:
    """Return the origins in canonical form, without duplicates, in their order. Raises ValueError."""
    if ANY_ORIGIN in texts:
        if len(texts) > 1:
            raise ValueError(f"must contain nothing else if it contains `{ANY_ORIGIN}`, which allows every page")
        return [ANY_ORIGIN]
    return list(dict.fromkeys(map(canonical_origin, texts)))


def key_origins(kind: KeyKind, requested: Sequence[str]) -> tuple[str, ...]:
    """Return the allowed origins of a key. Raises ValidationFailed for a secret key that has any."""
    if requested and kind is not KeyKind.PUBLISHABLE:
        fault = Fault(
            "allowed_origins",
            "not-allowed",
            "must be empty for a secret key: only a publishable key may be used in web pages",
        )
        raise ValidationFailed("A secret key must not have origins.", errors=[fault])
    return tuple(requested)


def _canonical_host(host: str) -> str:
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        if _ENDS_IN_A_NUMBER.fullmatch(host):
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        # The library's message would repeat the input.
        raise ValueError("must have a valid IP address as its host") from None
    if len(host) > MAX_HOST_CHARS or _NAME.fullmatch(host) is None:
        raise ValueError(_FORM)
    return host


def _has_one_label(origin: str) -> bool:
    host = origin.partition("://")[2].partition(":")[0]
    return "." not in host and host != "localhost"


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
