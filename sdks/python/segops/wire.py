"""Addresses and headers, as both clients use them."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import httpx

from segops.reports import OnError, Report

BATCH_PATH = "/api/ingestion/batch/"
MAX_ANSWER_BYTES = 1024 * 1024


def base_url(api_url: str, api_key: str) -> str:
    """Return the address without a trailing slash. Raises ValueError for an invalid address or key."""
    url = httpx.URL(api_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("api_url must be an http or https address, such as https://segops.example.com")
    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
        raise ValueError("api_key must be a non-empty key of printable ASCII characters")
    return str(url).rstrip("/")


def headers(api_key: str) -> dict[str, str]:
    """Return the headers of every request."""
    try:
        own = version("segops")
    except PackageNotFoundError:
        own = "unknown"
    return {"Authorization": f"ApiKey {api_key}", "User-Agent": f"segops-python/{own}"}


def tell(on_error: OnError, report: Report) -> None:
    """Deliver a report. Exceptions of the callback are ignored, so that they cannot stop the client."""
    with suppress(Exception):
        on_error(report)
