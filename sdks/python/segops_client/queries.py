"""Reads for servers: the requests, and how to read their responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

_MEMBERSHIP = "/api/segments/membership/"
_T = TypeVar("_T")

MAX_USERS = 1_000
"""Users of one batch lookup, as the server takes them."""


class LookupFailed(Exception):
    """The read failed; `status` is None if there was no response."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class Member:
    """A user in a segment, and since when, in ISO 8601."""

    user_id: str
    computed_at: str


@dataclass(frozen=True)
class Page:
    """Members, and the cursor of the next page; None at the end."""

    members: Sequence[Member]
    next_cursor: str | None


@dataclass(frozen=True)
class Query:
    """A request: a GET, or a POST if it has a body."""

    path: str
    body: dict[str, Any] | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"


def segments_query(user_id: str) -> Query:
    """Ask for a user's segments. Ids are compared byte by byte."""
    return Query(f"{_MEMBERSHIP}?{urlencode({'user_id': user_id})}")


def batch_queries(user_ids: Sequence[str]) -> Iterator[Query]:
    """Ask for the segments of many users, in as many requests as it takes."""
    for start in range(0, len(user_ids), MAX_USERS):
        yield Query(f"{_MEMBERSHIP}batch/", {"user_ids": list(user_ids[start : start + MAX_USERS])})


def members_query(segment_id: int, page_size: int, cursor: str | None) -> Query:
    """Ask for a page of members."""
    parameters = {"limit": str(page_size), **({} if cursor is None else {"cursor": cursor})}
    return Query(f"/api/segments/{segment_id}/members/?{urlencode(parameters)}")


def explain_query(user_id: str, segment_id: int) -> Query:
    """Ask why a user is in a segment, or is not."""
    return Query(f"/api/explorer/users/{quote(user_id, safe='')}/segments/{segment_id}/explain/")


def segment_ids(status: int, body: bytes) -> list[int]:
    """Return the segments of a user. Raises LookupFailed."""
    return _read(status, body, lambda answer: [int(segment_id) for segment_id in answer["segment_ids"]])


def segment_ids_by_user(status: int, body: bytes) -> dict[str, list[int]]:
    """Return the segments of each user. Raises LookupFailed."""
    return _read(
        status,
        body,
        lambda answer: {
            str(row["user_id"]): [int(segment_id) for segment_id in row["segment_ids"]] for row in answer["results"]
        },
    )


def members_page(status: int, body: bytes) -> Page:
    """Return a page of members. Raises LookupFailed."""
    return _read(
        status,
        body,
        lambda answer: Page(
            [Member(str(row["user_id"]), str(row["computed_at"])) for row in answer["results"]], answer["next_cursor"]
        ),
    )


def explanation(status: int, body: bytes) -> list[dict[str, Any]]:
    """Return a line for each condition. Raises LookupFailed."""
    return _read(status, body, lambda answer: [dict(line) for line in answer])


def _read(status: int, body: bytes, read: Callable[[Any], _T]) -> _T:
    if status != 200:
        raise LookupFailed(f"The server answered {status}{_reason(body)}", status)
    try:
        return read(json.loads(body))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LookupFailed("The answer cannot be read.", status) from error


def _reason(body: bytes) -> str:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "."
    return f": {detail}"
