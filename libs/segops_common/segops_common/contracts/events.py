"""The event row: a line of topic `segops.events`, in the exact form of a ClickHouse row."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from segops_language.events import IDENTIFY_EVENT

RESERVED_EVENT_TYPES: dict[str, str] = {
    "identify": IDENTIFY_EVENT,
    "page": "$page",
    "screen": "$screen",
    "group": "$group",
    "alias": "$alias",
}

EventKind = Literal["track", "identify", "page", "screen", "group", "alias"]

WarehouseTime = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}$",
        description="A UTC instant in ClickHouse's own text form. ClickHouse would read integers in another unit.",
    ),
]


class EventRow(BaseModel):
    """An event. An absent `user_id` or `anonymous_id` is ''; at least one is present."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: int
    kind: EventKind
    event_type: str
    user_id: str
    anonymous_id: str
    message_id: str
    timestamp: WarehouseTime
    received_at: WarehouseTime
    payload: dict[str, JsonValue]
    context: dict[str, JsonValue]
    removed: tuple[str, ...]
    """Top-level traits that an identify call set to null. ClickHouse's JSON type drops nulls, so they are listed here."""
    position: int = Field(default=0, ge=0, le=65_535)
    """Index of the call within its request, 0 for a single call. Of events at the same time, the smaller one is first."""
    original_timestamp: WarehouseTime | None = None
    """The time that the client sent, if the server corrected it by `sent_at`."""
    empty_objects: tuple[str, ...] = ()
    """Paths of objects that hold no value. ClickHouse's JSON type drops them, so they are listed here."""
    joins: bool = False
    """Whether `user_id` claims `anonymous_id`: both are present and differ, and the credential of the sender allows it."""

    @property
    def profile_id(self) -> str:
        """The profile of the event: `user_id`, or `anonymous_id` without one."""
        return self.user_id or self.anonymous_id


class QuarantinedEvent(BaseModel):
    """An accepted event that violates the schema of its type: a line of topic `segops.quarantined-events`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: int
    message_id: str
    place: int = Field(ge=0, lt=2**64)
    """A number that is the same for each delivery of the event."""
    reason: str
    line: str
    """The event row, as it would be on `segops.events`."""
