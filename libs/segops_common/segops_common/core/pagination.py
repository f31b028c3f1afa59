"""Cursors of lists: opaque to clients, sort positions to servers."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from segops_common.core.problems import Fault, MalformedRequest

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `next_cursor` is None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None


def encode_cursor(position: list[int | str]) -> str:
    """Return the cursor of a position: the sort key of the last item on the page."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type[int] | type[str]) -> list[int | str]:
    """Return a cursor's position. Raises MalformedRequest (invalid-cursor) unless its values have these types."""
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != list(kinds):
        fault = Fault("query.cursor", "invalid-cursor", "must be a `next_cursor` of the same list")
        raise MalformedRequest(
            "`cursor` must be a `next_cursor` of the same list.", slug="invalid-cursor", errors=[fault]
        )
    return position
