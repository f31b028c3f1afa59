"""Responses about the members of a segment."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 the field of a response is called `date`
from datetime import datetime
from typing import Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import ListResponse, list_example
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, Response
from segops_membership.domain.members.sets import DaySize, Member, MemberSet

_EXAMPLE_MEMBER: Final[JsonDict] = {"user_id": "user-123", "computed_at": EXAMPLE_INSTANT}
_EXAMPLE_PUBLICATION: Final[JsonDict] = {
    "run_id": "12",
    "computed_at": EXAMPLE_INSTANT,
    "as_of": EXAMPLE_INSTANT,
    "member_count": 1204,
    "entered": 31,
    "exited": 8,
}


_EXAMPLE_DAYS: Final[JsonDict] = {"days": [{"day": "2026-01-31", "member_count": 1204, "entered": 31, "exited": 8}]}
HISTORY_EXAMPLES: Final[JsonDict] = {
    "days": {"summary": "By day", "value": _EXAMPLE_DAYS},
    "publications": {
        "summary": "By publication",
        "value": {
            "count": 250,
            "next": "/api/segments/42/history/?page=3",
            "previous": "/api/segments/42/history/?page=1",
            "results": [_EXAMPLE_PUBLICATION],
            "next_cursor": "WzQyXQ",
        },
    },
}


class SegmentMember(Response):
    """A member of a segment."""

    user_id: str
    computed_at: datetime = Field(
        description="Since when the user is a member: the time of the publication in which they entered."
    )

    @classmethod
    def of(cls, member: Member) -> SegmentMember:
        """Return the response for a member."""
        return cls(user_id=member.user_id, computed_at=member.since)


class SegmentMemberList(ListResponse[SegmentMember]):
    """Members of a segment in a stable order, which is not that of the ids."""

    model_config = list_example("/api/segments/42/members/", _EXAMPLE_MEMBER)


class PublicationRead(Response):
    """What one run published for a segment."""

    run_id: str
    computed_at: datetime = Field(description="When the run was published.")
    as_of: datetime = Field(description="The run evaluated the definition as of this instant.")
    member_count: int
    entered: int = Field(description="Users who were not members by the publication before.")
    exited: int

    @classmethod
    def of(cls, members: MemberSet) -> PublicationRead:
        """Return the response for a publication."""
        return cls(
            run_id=str(members.attempt.run_id),
            computed_at=members.at,
            as_of=from_ms(members.as_of_ms),
            member_count=members.size,
            entered=members.entered,
            exited=members.exited,
        )


class PublicationList(ListResponse[PublicationRead]):
    """Publications of a segment, newest first."""

    model_config = list_example("/api/segments/42/history/", _EXAMPLE_PUBLICATION)


class DayRead(Response):
    """A day in UTC."""

    day: Date
    member_count: int = Field(description="At the end of the day, or now for today.")
    entered: int = Field(description="In all publications of the day.")
    exited: int

    @classmethod
    def of(cls, day: DaySize) -> DayRead:
        """Return the response for a day."""
        return cls(day=day.day, member_count=day.size, entered=day.entered, exited=day.exited)


class DailyHistory(Response):
    """The last days of a segment, ascending. The last one is today."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_DAYS]})

    days: tuple[DayRead, ...]
