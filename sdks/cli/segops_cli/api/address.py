"""The address of an installation."""

from __future__ import annotations

import ipaddress

import httpx

from segops_cli.errors import usage

_EXAMPLE = "Pass the address alone, such as https://segops.example.com or http://127.0.0.1:8080."


def base_url(text: str) -> str:
    """Return the address without a trailing slash. Raises CliError for anything but the address of a server."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise usage(f"{text!r} must be an address", _EXAMPLE) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise usage(f"{text!r} must begin with https:// or http:// and name a host", _EXAMPLE)
    if url.userinfo or url.query or url.fragment:
        raise usage("the address must not contain a user, a query or a fragment", _EXAMPLE)
    if "api" in url.path.split("/"):
        raise usage(f"{text!r} must end before /api: the command adds the paths itself", _EXAMPLE)
    return str(url).rstrip("/")


def is_loopback(url: str) -> bool:
    """Return whether the address is of this machine."""
    host = httpx.URL(url).host
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
