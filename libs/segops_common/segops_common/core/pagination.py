"""Cursors of lists: opaque to clients, positions to servers."""

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
    """A part of a list; `next_cursor` is None on the last."""

    items: tuple[T, ...]
    next_cursor: str | None


def encode_cursor(position: list[int | str]) -> str:
    """The cursor of a position: the sort key of the last item shown."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type[int] | type[str]) -> list[int | str]:
    """The position of a cursor; raises MalformedRequest (invalid-cursor) for anything that is not of these kinds."""
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != list(kinds):
        fault = Fault("query.cursor", "invalid-cursor", "use a next_cursor of the same list")
        raise MalformedRequest("The cursor is not one that this list gave.", slug="invalid-cursor", errors=[fault])
    return position
