"""Models of calls and responses, from which the OpenAPI document is made.

The service does not validate with them, see `domain/event.py`. A property test checks that both accept the same calls.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS
from segops_ingest.domain.limits import (
    CLOCK_SKEW,
    LATEST,
    MAX_BATCH_EVENTS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    MAX_EVENT_TYPE_CHARS,
    MAX_KEYS,
    MAX_MESSAGE_ID_CHARS,
    MAX_NAME_CHARS,
    OLDEST,
    OLDEST_IMPORTED,
    UNSURE_SKEW,
)
from segops_ingest.ports.event_memory import COMPARED, REMEMBERED
from segops_language.values.instants import parse_instant

_NOT_BLANK = r"[^\s\x1c-\x1f\u180e\u200b-\u200d\u2060\ufeff]"
_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
_TIMESTAMP = (
    f"When it happened: RFC 3339 with a zone, stored with milliseconds, at most {OLDEST.days} days in the past (import "
    f"older events) and {LATEST.days * 24} hours in the future. Default: the time in a UUIDv7 `message_id`, else when the event was first seen, "
    f"which is remembered for {REMEMBERED.days} days. Events in the future count from their time on; `warnings` lists them."
)
_SENT_AT = (
    "When the client sent the request, by the clock that made `timestamp`: RFC 3339 with a zone. If it differs from the "
    f"server's clock by more than {CLOCK_SKEW.seconds} seconds, times are corrected by the difference. The time of the first "
    f"attempt is remembered for {REMEMBERED.days} days if the clocks differ by {UNSURE_SKEW.seconds} seconds or more, otherwise "
    f"for {COMPARED.days * 24} hours, so a retry has the same time. Send `sent_at` in each attempt or in none: an event whose "
    "message id is a UUIDv7 is not looked up without it, so an attempt with it and one without may count twice."
)
_OCCURRED_AT = "Another name of `timestamp`. If both are present, they must be the same instant."
_MESSAGE_ID = (
    "An event is identified by its user, type, message id and time. It counts once, however often it is sent, and the "
    "first accepted content stands. Default: derived from `Idempotency-Key` if there is one, else a new id."
)
_IMPORTED_TIMESTAMP = (
    f"Required, also as `occurred_at`. When it happened: RFC 3339 with a zone, stored with milliseconds, from {OLDEST_IMPORTED:%Y-%m-%d} on and at most "
    f"{LATEST.days * 24} hours in the future. It is never corrected."
)
_IMPORTED_MESSAGE_ID = (
    "An event is identified by its user, type, message id and time. Use an id that is the same in every import, such as "
    "the number of an order. The event counts once, however often it is imported."
)
_OBJECT = f"At most {MAX_KEYS} keys and {MAX_DEPTH} levels. Keys must not be empty or contain `%2E`."
_TYPE = "Must not contain control characters or begin with `$`."

ProfileId = Annotated[str, Field(min_length=1, max_length=MAX_PROFILE_ID_CHARS, pattern=_NOT_BLANK)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, pattern=_NOT_BLANK)]
MessageId = Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_ID_CHARS, pattern=_NOT_BLANK)]
EventTypeName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_EVENT_TYPE_CHARS,
        pattern=rf"^(?:[^$\s{_CONTROLS}][^{_CONTROLS}]*|[^\S{_CONTROLS}][^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*)$",
        description=f"What happened. {_TYPE}",
    ),
]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Properties = Annotated[dict[str, JsonValue], Field(description=f"Properties of the event. {_OBJECT}")]
Traits = Annotated[dict[str, JsonValue], Field(description=f"Traits of the user. Null removes a trait. {_OBJECT}")]


def _drop_defaults(schema: dict[str, Any]) -> None:
    """Remove defaults: a field without a value must be left out, and null is refused."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)
        field.pop("title", None)


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    user_id: ProfileId = Field(default="", description="The user. `user_id` or `anonymous_id` is required.")
    anonymous_id: ProfileId = Field(default="", description="The user, until their id is known.")
    timestamp: Instant = Field(default="", description=_TIMESTAMP)
    occurred_at: Instant = Field(default="", description=_OCCURRED_AT)
    message_id: MessageId = Field(default="", description=_MESSAGE_ID)
    context: dict[str, JsonValue] = Field(
        default={}, description=f"Context of the event, such as page, device and library. {_OBJECT}"
    )

    @model_validator(mode="after")
    def _has_profile(self) -> Self:
        if not self.user_id and not self.anonymous_id:
            raise ValueError("`user_id` or `anonymous_id` must be present")
        return self

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if self.timestamp and self.occurred_at and parse_instant(self.timestamp) != parse_instant(self.occurred_at):
            raise ValueError("must be the same instant as `timestamp`: send one of them")
        return self


class _Call(_Event):
    sent_at: Instant = Field(default="", description=_SENT_AT)


class _Imported(_Event):
    timestamp: Instant = Field(default="", description=_IMPORTED_TIMESTAMP)
    message_id: MessageId = Field(description=_IMPORTED_MESSAGE_ID)

    @model_validator(mode="after")
    def _has_a_time(self) -> Self:
        if not self.timestamp and not self.occurred_at:
            raise ValueError("`timestamp` or `occurred_at` must be present")
        return self


class _Track(BaseModel):
    event_type: EventTypeName
    payload: Properties = {}


class _Identify(BaseModel):
    traits: Traits = {}


class _View(BaseModel):
    name: Name = ""
    payload: Properties = {}


class _Group(BaseModel):
    group_id: ProfileId
    traits: Annotated[dict[str, JsonValue], Field(description=f"Traits of the group. {_OBJECT}")] = {}


class _Alias(BaseModel):
    user_id: ProfileId = Field(description="The new id.")
    previous_id: ProfileId = Field(description="The id of the visitor before. It is stored as `anonymous_id`.")


class TrackCall(_Track, _Call):
    """Something that a user did. With event type `context_identified` it is an identify call, with traits in `payload`."""


class IdentifyCall(_Identify, _Call):
    """Traits of a user, merged into the profile."""


class PageCall(_View, _Call):
    """A page view. Stored with event type `$page` and `name` in the payload."""


class ScreenCall(_View, _Call):
    """A screen view in an app. Stored with event type `$screen` and `name` in the payload."""


class GroupCall(_Group, _Call):
    """A user belongs to a group. Stored with event type `$group`, with `group_id` among the traits."""


class AliasCall(_Alias, _Call):
    """The events of a visitor belong to a user. Stored with event type `$alias`."""


class TrackItem(TrackCall):
    """A track call in a batch."""

    type: Literal["track"]


class IdentifyItem(IdentifyCall):
    """An identify call in a batch."""

    type: Literal["identify"]


class PageItem(PageCall):
    """A page call in a batch."""

    type: Literal["page"]


class ScreenItem(ScreenCall):
    """A screen call in a batch."""

    type: Literal["screen"]


class GroupItem(GroupCall):
    """A group call in a batch."""

    type: Literal["group"]


class AliasItem(AliasCall):
    """An alias call in a batch."""

    type: Literal["alias"]


BatchItem = Annotated[
    TrackItem | IdentifyItem | PageItem | ScreenItem | GroupItem | AliasItem, Field(discriminator="type")
]


class ImportedTrack(_Track, _Imported):
    """Something that a user did, imported."""

    type: Literal["track"]


class ImportedIdentify(_Identify, _Imported):
    """Traits that a user had from the event's time on, imported."""

    type: Literal["identify"]


class ImportedPage(_View, _Imported):
    """A page view, imported."""

    type: Literal["page"]


class ImportedScreen(_View, _Imported):
    """A screen view in an app, imported."""

    type: Literal["screen"]


class ImportedGroup(_Group, _Imported):
    """A user belongs to a group, imported."""

    type: Literal["group"]


class ImportedAlias(_Alias, _Imported):
    """Two ids belong to the same user, imported."""

    type: Literal["alias"]


ImportedItem = Annotated[
    ImportedTrack | ImportedIdentify | ImportedPage | ImportedScreen | ImportedGroup | ImportedAlias,
    Field(discriminator="type"),
]


class BatchCall(BaseModel):
    """Independent calls of any kind. Valid calls are accepted, also if others are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    batch: list[BatchItem] = Field(
        min_length=1,
        max_length=MAX_BATCH_EVENTS,
        description=f"Calls with their kind in `type`. Each must be at most {MAX_EVENT_BYTES} bytes as compact JSON.",
    )
    sent_at: Instant = Field(default="", description=f"{_SENT_AT} A call may have its own.")


class TrackBatchCall(BaseModel):
    """Independent track calls. Valid calls are accepted, also if others are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    events: list[TrackCall] = Field(
        min_length=1,
        max_length=MAX_BATCH_EVENTS,
        description=f"Track calls. Each must be at most {MAX_EVENT_BYTES} bytes as compact JSON.",
    )
    sent_at: Instant = Field(default="", description=f"{_SENT_AT} A call may have its own.")


class ImportCall(BaseModel):
    """Independent events of any kind and age. Valid events are accepted, also if others are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    batch: list[ImportedItem] = Field(
        min_length=1,
        max_length=MAX_BATCH_EVENTS,
        description=f"Events with their kind in `type`. Each must be at most {MAX_EVENT_BYTES} bytes as compact JSON. Of "
        "events at the same time, the one that is first in this list counts as first.",
    )


class ItemError(BaseModel):
    """The reason why an item of a batch was refused."""

    index: int = Field(ge=0, description="Index of the item in the batch, starting at 0.")
    path: str = Field(description="The place in the request, such as `batch[1].user_id`.")
    code: str
    detail: str


class EventWarning(BaseModel):
    """Something that the sender of an accepted event should know."""

    index: int = Field(ge=0, description="Index of the event in the batch, 0 for a single call.")
    code: Literal["future-timestamp", "schema-violation", "user-erased"]
    detail: str


class Accepted(BaseModel):
    """The accepted events are stored durably and will count exactly once, except for `quarantined` ones."""

    status: Literal["accepted"]
    accepted: int = Field(ge=1, description="Number of accepted events, including duplicates.")
    duplicates: int = Field(
        ge=0,
        description="Number of accepted events that were delivered before, in this request or, if the server had to "
        "remember them, an earlier one. They count once.",
    )
    conflicting: list[int] = Field(
        description="Indices of accepted events that were delivered before with other content, in this request or an "
        "earlier one. The first content stands. Earlier requests are compared if the message id is not a UUIDv7 or there is "
        f"`sent_at`: for {REMEMBERED.days} days where the time depends on the request, otherwise for {COMPARED.days * 24} hours."
    )
    quarantined: list[int] = Field(
        description="Indices of accepted events that violate the schema of their type, whose mode is `quarantine`. They are kept as "
        "dead letters, do not count, and can be replayed. `warnings` says why."
    )
    warnings: list[EventWarning] = Field(description="What the sender should know about accepted events.")
    message_ids: list[str] = Field(description="Message ids of the accepted events, in their order.")
    errors: list[ItemError] = Field(description="The refused items of a batch.")


class TrackAccepted(Accepted):
    """The event is stored durably and will count exactly once."""

    queued: Literal[True]


class TrackBatchAccepted(Accepted):
    """The queued events are stored durably and will count exactly once."""

    queued: int = Field(ge=1, description="Number of accepted events, including duplicates: the same as `accepted`.")
    skipped: int = Field(ge=0, description="Number of refused events. `errors` lists them.")


RESPONSES: dict[str, type[Accepted]] = {"track": TrackAccepted, "track/batch": TrackBatchAccepted}
"""The responses that have more than `Accepted`."""

CALLS: dict[str, type[BaseModel]] = {
    "track": TrackCall,
    "identify": IdentifyCall,
    "page": PageCall,
    "screen": ScreenCall,
    "group": GroupCall,
    "alias": AliasCall,
    "track/batch": TrackBatchCall,
    "batch": BatchCall,
    "import": ImportCall,
}
