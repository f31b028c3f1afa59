"""Pages of lists, by cursor or by number. A cursor is opaque to clients, and a sort position to servers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from segops_common.core.problems import Fault, MalformedRequest

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
MAX_PAGE_NUMBER: Final = 2**31 - 1
LARGEST_ID: Final = 2**63 - 1
"""The position before the first item of a list that is descending by id."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """The requested page of a list.

    With a page number, which starts at 1, there is no cursor.
    """

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    page: int | None = None

    @property
    def offset(self) -> int:
        """The number of items to skip after the position of the cursor."""
        return 0 if self.page is None else (self.page - 1) * self.limit


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `next_cursor` is None on the last one. `count` is the length of the list, None if unknown."""

    results: tuple[T, ...]
    next_cursor: str | None
    count: int | None = None


def page_of(items: Sequence[T], query: PageQuery, id_of: Callable[[T], int], *, count: int | None = None) -> Page[T]:
    """Return the first `query.limit` items as a page. Pass one item more if there is a next page."""
    has_more = len(items) > query.limit
    return Page(
        tuple(items[: query.limit]), encode_cursor([id_of(items[query.limit - 1])]) if has_more else None, count
    )


def id_position(query: PageQuery, *, start: int) -> int:
    """Return the id in the cursor, or `start` without one. Raises MalformedRequest (invalid-cursor)."""
    if query.cursor is None:
        return start
    number = int(decode_cursor(query.cursor, int)[0])
    if not 0 <= number <= LARGEST_ID:
        raise invalid_cursor()
    return number


def encode_cursor(position: list[int | str]) -> str:
    """Return the cursor of a position: the sort key of the last item on the page."""
    return (
        base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":"), ensure_ascii=False).encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str, *kinds: type[int] | type[str], path: str = "query.cursor") -> list[int | str]:
    """Return a cursor's position. Raises MalformedRequest (invalid-cursor) unless its values have these types.

    `path` leads to the cursor in the request.
    """
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != list(kinds):
        raise invalid_cursor(path)
    return position


def invalid_cursor(path: str = "query.cursor") -> MalformedRequest:
    """Return the refusal of a cursor that the list did not return."""
    fault = Fault(path, "invalid-cursor", "must be a `next_cursor` of the same list")
    return MalformedRequest("`cursor` must be a `next_cursor` of the same list.", slug="invalid-cursor", errors=[fault])
