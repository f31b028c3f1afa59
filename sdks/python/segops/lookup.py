"""Asking which segments a user is in: the request and what its answer says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

_PATH = "/api/segments/membership/"


class LookupFailed(Exception):
    """The server did not say which segments the user is in; `status` is None when it did not answer at all."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


def lookup_path(user_id: str) -> str:
    """The path and query of a look-up; ids are compared byte by byte."""
    return f"{_PATH}?{urlencode({'user_id': user_id})}"


def segment_ids(status: int, body: bytes) -> list[int]:
    """The ids of an answer. Raises LookupFailed."""
    if status != 200:
        raise LookupFailed(f"The server answered {status}.", status)
    try:
        parsed: dict[str, Any] = json.loads(body)
        return [int(each) for each in parsed["segment_ids"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LookupFailed("The answer cannot be read.", status) from error
