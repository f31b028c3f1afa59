"""Published member sets: who is in a segment by one publication, since when, and how the size went over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from segops_membership.domain.publication import Attempt


class MemberFormat(StrEnum):
    """A format of a whole member set. All have the columns `user_id` and `computed_at`."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """The media type of a file in this format."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Mapping[MemberFormat, str] = {
    MemberFormat.CSV: "text/csv",
    MemberFormat.NDJSON: "application/x-ndjson",
    MemberFormat.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class MemberSet:
    """A segment's members by one publication. `as_of_ms` is the instant of its run, `at` when it was published."""

    attempt: Attempt
    as_of_ms: int
    at: datetime
    size: int
    entered: int
    exited: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member, and when the publication was made in which they entered. Members are ordered by `key`."""

    key: int
    user_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DaySize:
    """The size of a segment at the end of a day in UTC, and how many entered and exited during the day."""

    day: date
    size: int
    entered: int
    exited: int


def filled_days(days: Sequence[DaySize], first: date, last: date) -> Sequence[DaySize]:
    """Return every day from first to last, ascending. A day without a publication keeps the size of the day before.

    `days` must be ascending. The newest day before `first` gives the size to begin with; without one it is 0.
    """
    by_day = {day.day: day for day in days}
    size = next((day.size for day in reversed(days) if day.day < first), 0)
    filled = []
    for offset in range((last - first).days + 1):
        day = by_day.get(first + timedelta(days=offset), DaySize(first + timedelta(days=offset), size, 0, 0))
        size = day.size
        filled.append(day)
    return filled
