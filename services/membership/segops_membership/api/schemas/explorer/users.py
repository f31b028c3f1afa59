"""Responses about users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

from segops_common.web.fields import ListResponse, list_example
from segops_language.reference.forecast import Forecast
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import Response
from segops_membership.api.schemas.explain import LEAF, ExplainedRead
from segops_membership.domain.explorer.records import EventTypeCount, Trait, UserSummary
from segops_membership.service.explorer.users import ConditionLine, UserProfile, UserSegment

_SUMMARY: Final[JsonDict] = {
    "user_id": "user-123",
    "event_count": 17,
    "first_seen": "2026-01-02T10:00:00Z",
    "last_seen": "2026-01-30T08:00:00Z",
}
_TRAIT: Final[JsonDict] = {
    "name": "plan",
    "value": "pro",
    "set_at": "2026-01-12T09:30:00Z",
    "message_id": "m-1",
}
_TYPE_COUNT: Final[JsonDict] = {
    "event_type": "purchase",
    "count": 5,
    "first_seen": "2026-01-02T10:00:00Z",
    "last_seen": "2026-01-30T08:00:00Z",
}
SEGMENT: Final[JsonDict] = {
    "segment_id": 42,
    "segment_name": "Frequent buyers",
    "member_count": 1204,
    "computed_at": "2026-01-31T09:00:00Z",
    "since": "2026-01-28T09:00:00Z",
    "forecast": {
        "holds": True,
        "next_change_at": "2026-02-12T09:30:00Z",
        "next_change_unknown": False,
        "stale": False,
    },
}
LINE: Final[JsonDict] = {
    "index": 0,
    "type": "event_aggregate",
    "label": "sum(order_placed.total) ≥ 500",
    "actual_value": 620.5,
    "threshold": 500,
    "matches": True,
    "next_change_at": "2026-02-12T09:30:00Z",
    "next_change_unknown": False,
}


class UserSummaryRead(Response):
    """A user in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY]})

    user_id: str = Field(description="A user id, or the anonymous id of a visitor without one.")
    event_count: int
    first_seen: datetime = Field(description="The time of the first event.")
    last_seen: datetime = Field(description="The time of the last event.")

    @classmethod
    def of(cls, user: UserSummary) -> UserSummaryRead:
        """Return the response for a user."""
        return cls(
            user_id=user.position.user_id,
            event_count=user.event_count,
            first_seen=from_ms(user.first_seen_ms),
            last_seen=from_ms(user.last_seen_ms),
        )


class UserList(ListResponse[UserSummaryRead]):
    """Users. `count` is null for more than 10,000."""

    model_config = list_example("/api/explorer/users/", _SUMMARY)


class TraitRead(Response):
    """A trait with the event that set it."""

    name: str
    value: JsonValue
    set_at: datetime
    message_id: str = Field(description="The identify event that set the present value.")

    @classmethod
    def of(cls, trait: Trait) -> TraitRead:
        """Return the response for a trait."""
        return cls(name=trait.name, value=trait.value, set_at=from_ms(trait.set_at_ms), message_id=trait.message_id)


class EventTypeCountRead(Response):
    """How often and when the user did something."""

    event_type: str
    count: int
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def of(cls, item: EventTypeCount) -> EventTypeCountRead:
        """Return the response for an event type."""
        return cls(
            event_type=item.event_type,
            count=item.count,
            first_seen=from_ms(item.first_seen_ms),
            last_seen=from_ms(item.last_seen_ms),
        )


class UserIds(Response):
    """The ids on the events of a user."""

    user_id: str | None = Field(description="Null for a visitor who only has an anonymous id.")
    anonymous_ids: tuple[str, ...] = Field(description="At most 20, ascending.")


class UserRead(Response):
    """A user with traits and activity."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_SUMMARY,
                    "event_type_count": 1,
                    "properties": {"plan": "pro"},
                    "traits": [_TRAIT],
                    "event_types": [_TYPE_COUNT],
                    "ids": {"user_id": "user-123", "anonymous_ids": ["browser-7"]},
                }
            ]
        }
    )

    user_id: str
    event_count: int
    event_type_count: int = Field(description="The number of different event types.")
    first_seen: datetime
    last_seen: datetime
    properties: Mapping[str, JsonValue] = Field(description="The present traits.")
    traits: tuple[TraitRead, ...] = Field(description="The present traits with the events that set them, ascending.")
    event_types: tuple[EventTypeCountRead, ...] = Field(description="The most frequent first.")
    ids: UserIds

    @classmethod
    def of(cls, user: UserProfile) -> UserRead:
        """Return the response for a user."""
        events = user.events
        return cls(
            user_id=user.user_id,
            event_count=events.count,
            event_type_count=len(events.event_types),
            first_seen=from_ms(events.first_seen_ms),
            last_seen=from_ms(events.last_seen_ms),
            properties={trait.name: trait.value for trait in user.traits},
            traits=tuple(map(TraitRead.of, user.traits)),
            event_types=tuple(map(EventTypeCountRead.of, events.event_types)),
            ids=UserIds(user_id=events.user_id, anonymous_ids=events.anonymous_ids),
        )


class ForecastRead(Response):
    """A verdict on the user now, and when time alone will change it."""

    holds: bool = Field(description="Whether the user is in the segment now. The last run may have found otherwise.")
    next_change_at: datetime | None = Field(
        description="The first later instant at which `holds` changes if no new events arrive; null when there is none."
    )
    next_change_unknown: bool = Field(description="True when predicting the next change would have cost too much.")
    stale: bool = Field(description="Whether events that were acknowledged before the request may be missing.")

    @classmethod
    def of(cls, forecast: Forecast, stale_reason: str | None) -> ForecastRead:
        """Return the response for a forecast."""
        at = forecast.next_change_ms
        return cls(
            holds=forecast.holds,
            next_change_at=None if at is None else from_ms(at),
            next_change_unknown=forecast.next_change_unknown,
            stale=stale_reason is not None,
        )


class UserSegmentRead(Response):
    """A segment that the user is in, by its last published run."""

    model_config = ConfigDict(json_schema_extra={"examples": [SEGMENT]})

    segment_id: int
    segment_name: str
    member_count: int = Field(description="The number of members in the last published run.")
    computed_at: datetime = Field(description="The instant of the last published run.")
    since: datetime = Field(description="The instant of the run by which the user entered.")
    forecast: ForecastRead | None = Field(description="Null unless it was requested by `forecast=true`.")

    @classmethod
    def of(cls, segment: UserSegment) -> UserSegmentRead:
        """Return the response for a segment."""
        return cls(
            segment_id=segment.segment_id,
            segment_name=segment.name,
            member_count=segment.member_count,
            computed_at=from_ms(segment.computed_ms),
            since=from_ms(segment.since_ms),
            forecast=None if segment.forecast is None else ForecastRead.of(segment.forecast, segment.stale_reason),
        )


class ConditionRead(Response):
    """A condition on the top level of a segment's definition, with its verdict on the user."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINE | {"detail": LEAF}]})

    index: int = Field(description="The place of the condition in the definition, from 0.")
    type: str = Field(description="`group`, or the condition's type.")
    label: str = Field(description="The condition in one line, such as `sum(order_placed.total) ≥ 500`.")
    actual_value: JsonValue = Field(description="What the user has: a count, an aggregate, a time, a property's value.")
    threshold: JsonValue = Field(description="What the condition compares `actual_value` with.")
    matches: bool = Field(description="The verdict, negation included.")
    next_change_at: datetime | None = Field(
        description="The first later instant at which `matches` changes if no new events arrive; null when there is none."
    )
    next_change_unknown: bool = Field(description="True when predicting the next change would have cost too much.")
    detail: ExplainedRead = Field(description="The tree of the condition, as in the response of an explanation.")

    @classmethod
    def of(cls, index: int, line: ConditionLine) -> ConditionRead:
        """Return the response for a condition."""
        detail = ExplainedRead.of(line.node)
        return cls(
            index=index,
            type=line.node.type,
            label=line.label,
            actual_value=line.node.value,
            threshold=line.node.target,
            matches=detail.holds,
            next_change_at=detail.next_change_at,
            next_change_unknown=detail.next_change_unknown,
            detail=detail,
        )
