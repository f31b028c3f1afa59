"""Pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from segops_common.core.pagination import Page, decode_cursor, encode_cursor
from segops_common.core.problems import Fault, MalformedRequest

LARGEST = 2**63 - 1
T = TypeVar("T")


def position(cursor: str | None, start: int) -> int:
    """Return the id that the cursor contains, or `start` without one. Raises MalformedRequest (invalid-cursor)."""
    if cursor is None:
        return start
    number = int(decode_cursor(cursor, int)[0])
    if not 0 <= number <= LARGEST:
        fault = Fault("query.cursor", "invalid-cursor", "must be a `next_cursor` of this list")
        raise MalformedRequest(
            "`cursor` must be a `next_cursor` that this list returned.", slug="invalid-cursor", errors=[fault]
        )
    return number


def page(items: Sequence[T], limit: int, id_of: Callable[[T], int]) -> Page[T]:
    """Return the first `limit` items as a page. Pass one item more than `limit` if there is a next page."""
    next_cursor = encode_cursor([id_of(items[limit - 1])]) if len(items) > limit else None
    return Page(tuple(items[:limit]), next_cursor)
