"""Addresses and headers, as both clients use them."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import httpx

from segops_client.reports import OnError, Report

try:
    __version__ = version("segops-client")
except PackageNotFoundError:
    __version__ = "unknown"

BATCH_PATH = "/api/ingestion/batch/"
MAX_ANSWER_BYTES = 1024 * 1024

_EXAMPLE = "such as https://segops.example.com"


def base_url(api_url: str) -> str:
    """Return the address without a trailing slash. Raises ValueError for an invalid address."""
    try:
        url = httpx.URL(api_url.strip())
    except (httpx.InvalidURL, AttributeError, TypeError):
        raise ValueError(f"api_url must be an address, {_EXAMPLE}") from None
    if url.scheme not in ("http", "https"):
        raise ValueError(f"api_url must begin with https:// or http://, {_EXAMPLE}")
    if not url.host:
        raise ValueError(f"api_url must name a host, {_EXAMPLE}")
    if url.userinfo or url.query or url.fragment:
        raise ValueError(f"api_url must not contain a user, a query or a fragment; pass only the address, {_EXAMPLE}")
    path = url.path.rstrip("/")
    if path == "/api" or path.endswith("/api") or "/api/" in path:
        raise ValueError(f"api_url must end before /api: the client adds the paths itself, {_EXAMPLE}")
    return str(url).rstrip("/")


def checked_key(api_key: str) -> str:
    """Return the key. Raises ValueError, which does not quote it, if it cannot be one."""
    if not api_key:
        raise ValueError("api_key must not be empty: is the variable that holds it set?")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ValueError(
            "api_key must consist of printable ASCII characters without spaces: is it still a placeholder, or is there a line end in it?"
        )
    if not api_key.startswith(("sk_", "pk_")):
        raise ValueError("api_key must begin with sk_ or pk_: pass the key as it was shown when it was created")
    return api_key


def headers(api_key: str) -> dict[str, str]:
    """Return the headers of every request."""
    return {"Authorization": f"ApiKey {checked_key(api_key)}", "User-Agent": f"segops-client-python/{__version__}"}


def tell(on_error: OnError, report: Report) -> None:
    """Deliver a report. Exceptions of the callback are ignored, so that they cannot stop the client."""
    with suppress(Exception):
        on_error(report)
