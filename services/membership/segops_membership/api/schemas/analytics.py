"""Responses of analytics."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import Response
from segops_membership.domain.explorer.analytics import DayCount, Overview, PairOverlap, SegmentTrend, Usage

_DAY: Final[JsonDict] = {"day": "2026-01-31", "count": 1204}


class DayCountRead(Response):
    """A number on a day in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DAY]})

    day: date
    count: int

    @classmethod
    def of(cls, item: DayCount) -> DayCountRead:
        """Return the response for a day."""
        return cls(day=item.day, count=item.count)


class OverviewRead(Response):
    """A tenant in three numbers."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"segment_count": 12, "total_members": 5310, "events_30d": 204918}]}
    )

    segment_count: int
    total_members: int = Field(
        description="The number of users who are in at least one segment, by the last published runs. Each counts once."
    )
    events_30d: int = Field(description="The number of events whose time is in the last 30 days.")

    @classmethod
    def of(cls, overview: Overview) -> OverviewRead:
        """Return the response."""
        return cls(
            segment_count=overview.segment_count,
            total_members=overview.total_members,
            events_30d=overview.events_30d,
        )


class SegmentTrendRead(Response):
    """A segment with its size in the last 30 days."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 42,
                    "name": "Frequent buyers",
                    "member_count": 1204,
                    "last_computed_at": "2026-01-31T09:00:00Z",
                    "trend": [_DAY],
                }
            ]
        }
    )

    id: int
    name: str
    member_count: int | None = Field(description="Null before the first published run.")
    last_computed_at: datetime | None
    trend: tuple[DayCountRead, ...] = Field(
        description="The size at the end of each of the last 30 days, ascending; today: now. A day without a run has the"
        " size of the day before. Days before the first run are left out."
    )

    @classmethod
    def of(cls, segment: SegmentTrend) -> SegmentTrendRead:
        """Return the response for a segment."""
        return cls(
            id=segment.segment_id,
            name=segment.name,
            member_count=segment.member_count,
            last_computed_at=None if segment.computed_ms is None else from_ms(segment.computed_ms),
            trend=tuple(map(DayCountRead.of, segment.trend)),
        )


class PairOverlapRead(Response):
    """Two segments with common members."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seg_a_id": 42,
                    "seg_a_name": "Frequent buyers",
                    "seg_b_id": 57,
                    "seg_b_name": "Newsletter",
                    "overlap": 602,
                    "overlap_pct": 50.0,
                }
            ]
        }
    )

    seg_a_id: int
    seg_a_name: str
    seg_b_id: int
    seg_b_name: str
    overlap: int = Field(description="The number of users in both.")
    overlap_pct: float = Field(description="`overlap` in percent of the smaller segment.")

    @classmethod
    def of(cls, pair: PairOverlap, first: str, second: str) -> PairOverlapRead:
        """Return the response for a pair and the names of its segments."""
        return cls(
            seg_a_id=pair.first,
            seg_a_name=first,
            seg_b_id=pair.second,
            seg_b_name=second,
            overlap=pair.overlap,
            overlap_pct=round(100 * pair.share, 2),
        )


class UsageRead(Response):
    """What a tenant sent, and what it stores."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"events": [_DAY], "received_events": 1204, "stored_events": 204918, "stored_bytes": 31457280}]
        }
    )

    events: tuple[DayCountRead, ...] = Field(description="The events received on each day, ascending, today included.")
    received_events: int = Field(description="The sum of `events`.")
    stored_events: int = Field(description="All stored events.")
    stored_bytes: int = Field(description="An estimate of their bytes on disk: the tenant's share of the tables' rows.")

    @classmethod
    def of(cls, usage: Usage) -> UsageRead:
        """Return the response."""
        return cls(
            events=tuple(map(DayCountRead.of, usage.events)),
            received_events=sum(item.count for item in usage.events),
            stored_events=usage.stored_events,
            stored_bytes=usage.stored_bytes,
        )
