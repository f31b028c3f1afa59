"""What both clients know of the server."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import httpx

from segops.reports import OnError, Report

BATCH_PATH = "/api/ingestion/batch/"
MAX_ANSWER_BYTES = 1024 * 1024


def base_url(api_url: str, api_key: str) -> str:
    """The address without a slash at its end. Raises ValueError for an address or a key that cannot be one."""
    url = httpx.URL(api_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("api_url is the http or https address of SegOps, as in https://segops.example.com")
    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
        raise ValueError("api_key is not a key: it is empty, or has characters that no key has")
    return str(url).rstrip("/")


def headers(api_key: str) -> dict[str, str]:
    """Of every request."""
    try:
        own = version("segops")
    except PackageNotFoundError:
        own = "unknown"
    return {"Authorization": f"ApiKey {api_key}", "User-Agent": f"segops-python/{own}"}


def tell(on_error: OnError | None, report: Report) -> None:
    """Hand a report on; what the callback raises is its own affair, and must not end the client."""
    if on_error is not None:
        with suppress(Exception):
            on_error(report)
