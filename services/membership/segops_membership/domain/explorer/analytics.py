"""What analytics shows of a tenant. Days begin at midnight UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Final

from pyroaring import BitMap

DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)


def day_of(milliseconds: int) -> int:
    """Return the day of an instant, as a number of days since 1970."""
    return milliseconds // DAY_MS


def date_of(day: int) -> date:
    """Return the date of a day."""
    return _EPOCH + timedelta(days=day)


def instant_of(day: int) -> datetime:
    """Return the midnight at which a day begins."""
    return datetime.combine(date_of(day), datetime.min.time(), UTC)


@dataclass(frozen=True, slots=True)
class DayCount:
    """A number on a day."""

    day: date
    count: int


def days_filled(counts: Mapping[int, int], first: int, last: int) -> tuple[DayCount, ...]:
    """Return a count for each day from first to last; 0 where there is none."""
    return tuple(DayCount(date_of(day), counts.get(day, 0)) for day in range(first, last + 1))


def sizes_carried(sizes: Mapping[int, int], first: int, last: int) -> tuple[DayCount, ...]:
    """Return the size at the end of each day from first to last: the one of the last run until then.

    Days before the first run are left out.
    """
    earlier = [day for day in sizes if day < first]
    size = sizes[max(earlier)] if earlier else None
    trend = []
    for day in range(first, last + 1):
        size = sizes.get(day, size)
        if size is not None:
            trend.append(DayCount(date_of(day), size))
    return tuple(trend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A tenant in three numbers; `total_members` counts each user once."""

    segment_count: int
    total_members: int
    events_30d: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTrend:
    """A segment with its size over time; `member_count` and `computed_ms` are None before its first run."""

    segment_id: int
    name: str
    member_count: int | None
    computed_ms: int | None
    trend: tuple[DayCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOverlap:
    """Two segments and the number of users in both; `share` is of the smaller one, from 0 to 1."""

    first: int
    second: int
    overlap: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a tenant sent in a number of days, and what it stores."""

    events: tuple[DayCount, ...]
    stored_events: int
    stored_bytes: int


def largest_overlaps(members: Mapping[int, BitMap], limit: int) -> list[PairOverlap]:
    """Return the pairs with the most common members, descending; pairs without any are left out."""
    pairs = []
    for first, second in combinations(sorted(members), 2):
        overlap = members[first].intersection_cardinality(members[second])
        if overlap:
            smaller = min(len(members[first]), len(members[second]))
            pairs.append(PairOverlap(first=first, second=second, overlap=overlap, share=overlap / smaller))
    return sorted(pairs, key=lambda pair: (-pair.overlap, pair.first, pair.second))[:limit]
