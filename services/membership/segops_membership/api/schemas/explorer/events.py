"""Responses about stored events, event types and their properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

from segops_common.contracts.http import PropertyKind
from segops_common.web.fields import ListResponse, list_example
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import Response
from segops_membership.domain.explorer.event_properties import PropertySummary, TopValue
from segops_membership.domain.explorer.live_events import LiveEvent, instant_of_row
from segops_membership.domain.explorer.records import EventTypeSummary, StoredEvent

EVENT: Final[JsonDict] = {
    "message_id": "m-1",
    "event_type": "purchase",
    "user_id": "user-123",
    "anonymous_id": "browser-7",
    "occurred_at": "2026-01-30T08:00:00Z",
    "received_at": "2026-01-30T08:00:00.120000Z",
    "original_timestamp": "2026-01-30T08:00:04Z",
    "payload": {"price": 49.9, "currency": "EUR"},
}
EVENT_TYPE: Final[JsonDict] = {
    "event_type": "purchase",
    "count": 1204,
    "first_seen": "2026-01-01T06:12:09Z",
    "last_seen": "2026-01-31T08:59:57Z",
    "last_24_hours": [*[0] * 22, 3, 5],
}
_PROPERTY: Final[JsonDict] = {
    "path": "currency",
    "types": ["string"],
    "count": 1990,
    "share": 0.995,
    "top_values": [{"value": "EUR", "count": 1800}, {"value": "USD", "count": 190}],
}


class EventRead(Response):
    """A stored event."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT]})

    message_id: str
    event_type: str
    user_id: str | None = Field(description="Null for an event with an `anonymous_id` only.")
    anonymous_id: str | None
    occurred_at: datetime
    received_at: datetime
    original_timestamp: datetime | None = Field(
        description="The time that the client sent, if the server corrected it by `sent_at`; otherwise null."
    )
    payload: Mapping[str, JsonValue] | None = Field(
        description="The properties, or the traits of an identify event. Null without the scope `profiles:read`."
    )

    @classmethod
    def of(cls, event: StoredEvent) -> EventRead:
        """Return the response for an event, with its payload."""
        return cls(
            message_id=event.message_id,
            event_type=event.event_type,
            user_id=event.user_id or None,
            anonymous_id=event.anonymous_id or None,
            occurred_at=from_ms(event.at.timestamp_ms),
            received_at=from_ms(event.received_ms),
            original_timestamp=None if event.original_ms is None else from_ms(event.original_ms),
            payload=event.payload,
        )

    @classmethod
    def without_payload(cls, event: StoredEvent) -> EventRead:
        """Return the response for a caller who may not read payloads."""
        return cls.of(event).model_copy(update={"payload": None})


class LiveEventRead(EventRead):
    """An event as it was accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EVENT, "stored": False}]})

    stored: bool = Field(description="Whether the warehouse has it: lists and segments then see it.")

    @classmethod
    def of_live(cls, event: LiveEvent, *, with_payload: bool) -> LiveEventRead:
        """Return the event for a stream."""
        row = event.row
        return cls(
            message_id=row.message_id,
            event_type=row.event_type,
            user_id=row.user_id or None,
            anonymous_id=row.anonymous_id or None,
            occurred_at=instant_of_row(row.timestamp),
            received_at=instant_of_row(row.received_at),
            original_timestamp=None if row.original_timestamp is None else instant_of_row(row.original_timestamp),
            payload=row.payload if with_payload else None,
            stored=event.stored,
        )


class UserEventList(ListResponse[EventRead]):
    """The events of a user, the newest first."""

    model_config = list_example("/api/explorer/users/user-123/events/", EVENT)


class EventList(ListResponse[EventRead]):
    """Events of a tenant, the newest first. `count` is null: it would be slow."""

    model_config = list_example("/api/explorer/events/", EVENT)


class EventTypeRead(Response):
    """An event type that a tenant sends."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT_TYPE]})

    event_type: str
    count: int = Field(description="The number of events. A repetition may count until the warehouse has merged it.")
    first_seen: datetime
    last_seen: datetime
    last_24_hours: tuple[int, ...] = Field(
        description="The number of events in each of the last 24 hours, oldest first. Hours begin at full hours of UTC;"
        " the last one is the present hour."
    )

    @classmethod
    def of(cls, summary: EventTypeSummary) -> EventTypeRead:
        """Return the response for an event type."""
        return cls(
            event_type=summary.event_type,
            count=summary.count,
            first_seen=from_ms(summary.first_seen_ms),
            last_seen=from_ms(summary.last_seen_ms),
            last_24_hours=summary.hours,
        )


class EventTypeList(ListResponse[EventTypeRead]):
    """The most frequent event types."""

    model_config = list_example("/api/explorer/event-types/", EVENT_TYPE)


class TopValueRead(Response):
    """A frequent value of a property."""

    value: str | bool | int | float = Field(description="Text is cut after 100 characters.")
    count: int

    @classmethod
    def of(cls, top: TopValue) -> TopValueRead:
        """Return the response for a value."""
        return cls(value=top.value, count=top.count)


class PropertyRead(Response):
    """A property in the sample."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROPERTY]})

    path: str = Field(description="The path as conditions write it: a dot inside of a key has a backslash before it.")
    types: tuple[PropertyKind, ...] = Field(description="The types of its values, ascending.")
    count: int = Field(description="The number of events of the sample that have it.")
    share: float = Field(description="`count` as a share of the sample, from 0 to 1.")
    top_values: tuple[TopValueRead, ...] | None = Field(
        description="At most ten of its texts, numbers and truth values, the most frequent first. Null without the scope"
        " `profiles:read`."
    )

    @classmethod
    def of(cls, summary: PropertySummary, sample: int, *, with_values: bool) -> PropertyRead:
        """Return the response for a property."""
        return cls(
            path=summary.path,
            types=summary.types,
            count=summary.count,
            share=round(summary.count / sample, 4),
            top_values=tuple(map(TopValueRead.of, summary.top_values)) if with_values else None,
        )


class PropertyList(ListResponse[PropertyRead]):
    """The properties of an event type in its newest events."""

    model_config = list_example("/api/explorer/properties/", _PROPERTY, sampled_events=2000)

    sampled_events: int = Field(description="The number of events in the sample: at most the newest 2,000.")
