"""Lists in parts: from what was found with one item too many to a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from segops_common.core.pagination import Page, decode_cursor, encode_cursor
from segops_common.core.problems import Fault, MalformedRequest

LARGEST = 2**63 - 1
T = TypeVar("T")


def position(cursor: str | None, start: int) -> int:
    """The id at which a page begins; raises MalformedRequest (invalid-cursor)."""
    if cursor is None:
        return start
    number = int(decode_cursor(cursor, int)[0])
    if not 0 <= number <= LARGEST:
        fault = Fault("query.cursor", "invalid-cursor", "use a next_cursor of the same list")
        raise MalformedRequest("The cursor is not one that this list gave.", slug="invalid-cursor", errors=[fault])
    return number


def page(found: Sequence[T], limit: int, number: Callable[[T], int]) -> Page[T]:
    """A page of `limit` items, of one more that were asked for."""
    more = encode_cursor([number(found[limit - 1])]) if len(found) > limit else None
    return Page(tuple(found[:limit]), more)
