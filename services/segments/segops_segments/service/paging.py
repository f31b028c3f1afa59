"""Cutting what the store returns into pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from segops_common.core.pagination import Page, decode_cursor, encode_cursor

NEWEST: Final = 2**63 - 1
"""The position before the first item of a list that is newest first."""
T = TypeVar("T")


def position(cursor: str | None, *, start: int) -> int:
    """Return the position in a cursor; `start` without one. Raises MalformedRequest for a cursor of another list."""
    return start if cursor is None else int(decode_cursor(cursor, int)[0])


def page_of(items: Sequence[T], limit: int, positions: Sequence[int]) -> Page[T]:
    """Return the first `limit` items; one more item means that there is a next page."""
    has_more = len(items) > limit
    return Page(tuple(items[:limit]), encode_cursor([positions[limit - 1]]) if has_more else None)
