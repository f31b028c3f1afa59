"""Origins of web pages (RFC 6454), in the one spelling that browsers send."""

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
# Browsers take a name that ends in a number for an IPv4 address, or for none at all.
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_FORM: Final = "write scheme, host and port only, as in https://www.example.com or http://localhost:3000"


def canonical_origin(text: str) -> str:
    """The origin as browsers send it; raises ValueError for what is none, or is plain HTTP of another machine."""
    if not text.isascii():
        raise ValueError("write international names in their xn-- form")
    found = _SHAPE.fullmatch(text.lower())
    if found is None or found["scheme"] not in _DEFAULT_PORTS:
        raise ValueError(_FORM)
    scheme, host, port = found["scheme"], _canonical_host(found["host"]), found["port"]
    if scheme == "http" and not _is_this_machine(host):
        raise ValueError("use https; http is for localhost")
    if port is None or int(port) == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    if not 0 < int(port) < 2**16:
        raise ValueError("a port is a number from 1 to 65535")
    return f"{scheme}://{host}:{int(port)}"


def canonical_origins(texts: Sequence[str]) -> list[str]:
    """Each once, in their order; `*` stands alone. Raises ValueError."""
    if ANY_ORIGIN in texts:
        if len(texts) > 1:
            raise ValueError(f"{ANY_ORIGIN} allows every page, so it stands alone")
        return [ANY_ORIGIN]
    return list(dict.fromkeys(map(canonical_origin, texts)))


def key_origins(kind: KeyKind, asked: Sequence[str]) -> tuple[str, ...]:
    """The pages that a key of that kind may be used in; raises ValidationFailed for a secret key with any."""
    if asked and kind is not KeyKind.PUBLISHABLE:
        fault = Fault("allowed_origins", "not-allowed", "only a publishable key may be used in web pages")
        raise ValidationFailed("A key of this kind has no origins.", errors=[fault])
    return tuple(asked)


def _canonical_host(host: str) -> str:
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        if _ENDS_IN_A_NUMBER.fullmatch(host):
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        # The library's own words repeat the text.
        raise ValueError("the address is not valid") from None
    if len(host) > MAX_HOST_CHARS or _NAME.fullmatch(host) is None:
        raise ValueError(_FORM)
    return host


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
