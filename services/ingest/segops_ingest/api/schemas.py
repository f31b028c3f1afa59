"""The calls and answers of ingestion as documentation: OpenAPI is made from these.

The service checks events by hand (`domain/event.py`); a property test holds the two to the same verdicts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from segops_ingest.domain.limits import (
    LATEST,
    MAX_BATCH_EVENTS,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    MAX_EVENT_TYPE_CHARS,
    MAX_KEYS,
    MAX_MESSAGE_ID_CHARS,
    MAX_NAME_CHARS,
    MAX_PROFILE_ID_CHARS,
    OLDEST,
)

_NOT_BLANK = r"\S"
_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
_TIMESTAMP = (
    f"When it happened, RFC 3339 with zone, kept to the millisecond; at most {OLDEST.days} days ago and "
    f"{LATEST.days * 24} hours ahead. Without it: the time inside a UUIDv7 `message_id`, else when the message was "
    "first seen. Clocks are not corrected, so that a retry has the time it had before."
)
_MESSAGE_ID = (
    "Counts once, however often it is sent, as long as it comes with the same user, type and time. "
    "Made here when absent, from `Idempotency-Key` if there is one."
)
_OBJECT = f"At most {MAX_KEYS} keys and {MAX_DEPTH} levels; no empty key and none that contains `%2E`."
_TYPE = "No control characters; names that begin with `$` are reserved."

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
Properties = Annotated[dict[str, JsonValue], Field(description=f"What is known of the event. {_OBJECT}")]
Traits = Annotated[
    dict[str, JsonValue], Field(description=f"What is known of the user; null removes a trait. {_OBJECT}")
]


def _drop_defaults(schema: dict[str, Any]) -> None:
    """An absent field is absent: no value in the schema says so, and null is refused."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)
        field.pop("title", None)


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    user_id: ProfileId = Field(default="", description="Who did it; `user_id` or `anonymous_id` is required.")
    anonymous_id: ProfileId = Field(default="", description="Who did it, while they are not known.")
    timestamp: Instant = Field(default="", description=_TIMESTAMP)
    message_id: MessageId = Field(default="", description=_MESSAGE_ID)
    context: dict[str, JsonValue] = Field(default={}, description=f"Circumstances: page, device, library. {_OBJECT}")

    @model_validator(mode="after")
    def _has_profile(self) -> Self:
        if not self.user_id and not self.anonymous_id:
            raise ValueError("user_id or anonymous_id is required")
        return self


class TrackCall(_Call):
    """Something a user did."""

    event_type: EventTypeName
    payload: Properties = {}


class IdentifyCall(_Call):
    """What is known of a user: merged into the profile trait by trait."""

    traits: Traits = {}


class PageCall(_Call):
    """A user saw a page of a web site; stored as event type `$page`, `name` beside the payload."""

    name: Name = ""
    payload: Properties = {}


class ScreenCall(_Call):
    """A user saw a screen of an app; stored as event type `$screen`, `name` beside the payload."""

    name: Name = ""
    payload: Properties = {}


class GroupCall(_Call):
    """A user belongs to a group; stored as event type `$group`, `group_id` beside the group's traits."""

    group_id: ProfileId
    traits: Annotated[dict[str, JsonValue], Field(description=f"What is known of the group. {_OBJECT}")] = {}


class AliasCall(_Call):
    """Two ids are one user; stored as event type `$alias`."""

    user_id: ProfileId = Field(description="The id from now on.")
    previous_id: ProfileId = Field(description="The id before.")


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


class BatchCall(BaseModel):
    """Independent calls of any kind: the bad ones are reported, the good ones accepted."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_drop_defaults)

    batch: list[BatchItem] = Field(
        min_length=1,
        max_length=MAX_BATCH_EVENTS,
        description=f"Calls with their kind in `type`, each at most {MAX_EVENT_BYTES} bytes as compact JSON.",
    )
    sent_at: Instant = Field(default="", description="When the client sent it. Taken and not used: see `timestamp`.")


class ItemError(BaseModel):
    """Why one item of a batch was refused."""

    index: int = Field(ge=0, description="Its place in the batch, from 0.")
    code: str
    detail: str


class Accepted(BaseModel):
    """Stored durably: every accepted event will be in the warehouse exactly once."""

    status: Literal["accepted"]
    accepted: int = Field(ge=1, description="Events accepted, repeated ones included.")
    duplicates: int = Field(
        ge=0, description="How many of the accepted were seen to repeat a message id; none of them counts twice."
    )
    message_ids: list[str] = Field(description="Of the accepted events, in their order.")
    errors: list[ItemError] = Field(description="The refused items of a batch.")


CALLS: dict[str, type[BaseModel]] = {
    "track": TrackCall,
    "identify": IdentifyCall,
    "page": PageCall,
    "screen": ScreenCall,
    "group": GroupCall,
    "alias": AliasCall,
    "batch": BatchCall,
}
