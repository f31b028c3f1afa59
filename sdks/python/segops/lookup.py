"""Membership lookup: the request, and how to read its response."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

_PATH = "/api/segments/membership/"


class LookupFailed(Exception):
    """The lookup failed; `status` is None if there was no response."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


def lookup_path(user_id: str) -> str:
    """Return path and query of a lookup. Ids are compared byte by byte."""
    return f"{_PATH}?{urlencode({'user_id': user_id})}"


def segment_ids(status: int, body: bytes) -> list[int]:
    """Return the segment ids of a response. Raises LookupFailed."""
    if status != 200:
        raise LookupFailed(f"The server answered {status}.", status)
    try:
        parsed: dict[str, Any] = json.loads(body)
        return [int(segment_id) for segment_id in parsed["segment_ids"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LookupFailed("The answer cannot be read.", status) from error
