"""Bodies of rejections, dead letters and test events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import ListResponse, TenantFields, list_example
from segops_ingest.api.schemas import ItemError, TrackCall
from segops_ingest.domain.limits import MAX_EVENT_TYPE_CHARS
from segops_ingest.domain.replay import row_of
from segops_ingest.domain.rows import CONFLICTING, QUARANTINED
from segops_ingest.ports.dead_letters import DeadLetter, PendingCause, PendingFilter
from segops_ingest.ports.rejections import RejectionEntry
from segops_ingest.service import sandbox
from segops_ingest.service.dead_letters import MAX_REPLAYED, Replay, Replays

_MAX_REFUSED: Final = 20
_MAX_CURSOR_CHARS: Final = 200
_AT: Final = "2026-05-20T12:00:00.250000Z"
_REJECTION: Final[JsonDict] = {
    "id": "019e4526-d600-7000-8000-000000000000",
    "at": _AT,
    "count": 3,
    "route": "/api/ingestion/track/batch/",
    "status": 202,
    "reason": "event-skipped",
    "code": "timestamp-out-of-range",
    "path": "occurred_at",
    "event_type": "",
    "detail": "must be at most 400 days in the past and 24 hours in the future: send older events to `/api/ingestion/import/`",
    "key_id": 12,
    "key_prefix": "sk_live_",
    "key_last_four": "0aZ9",
    "origin": "https://www.example.com",
    "user_agent": "Go-http-client/1.1",
}
_LETTER: Final[JsonDict] = {
    "id": "9e107d9d372bb6826bd81d3542a419d6",
    "at": _AT,
    "cause": "warehouse",
    "reason": "The warehouse refused the event with code 117.",
    "code": 117,
    "topic": "segops.events",
    "event_type": "order_placed",
    "user_id": "user-123",
    "message_id": "order-1017",
    "size": 412,
    "replayed_at": _AT,
    "content": {"user_id": "user-123", "event_type": "order_placed", "message_id": "order-1017"},
}


class RejectionRead(BaseModel):
    """A refused request, or refused events of an accepted batch."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_REJECTION]})

    id: str
    at: datetime = Field(description="When it happened first.")
    count: int = Field(ge=1, description="How often it happened until the entry was written: requests, or events.")
    route: str
    status: int = Field(
        description="The status of the response. It is 202 if only some events of a batch were refused."
    )
    reason: str = Field(
        description="The last part of the problem's `type`. For status 202: `event-skipped`, or `event-quarantined` or "
        "`schema-warning` for accepted events that violate the schema of their type."
    )
    code: str = Field(description="The code in `errors`. Empty if the problem lists no errors.")
    path: str = Field(description="The field within the event or the request. Empty for all of it.")
    detail: str = Field(description="The rule that was broken. It never contains a value that was sent.")
    event_type: str = Field(description="The event type whose schema the event violates. Empty for other rejections.")
    key_id: int | None = Field(description="The API key, null if it is not known.")
    key_prefix: str
    key_last_four: str
    origin: str = Field(description="The origin of the page. Empty for other senders.")
    user_agent: str

    @classmethod
    def of_entry(cls, entry: RejectionEntry) -> Self:
        """Convert from the domain."""
        rejection = entry.rejection
        return cls(
            id=entry.id,
            at=entry.at,
            count=entry.count,
            route=rejection.route,
            status=rejection.status,
            reason=rejection.reason,
            code=rejection.code,
            path=rejection.path,
            detail=rejection.detail,
            event_type=rejection.event_type,
            key_id=rejection.key_id,
            key_prefix=rejection.key_prefix,
            key_last_four=rejection.key_last_four,
            origin=rejection.origin,
            user_agent=rejection.user_agent,
        )


class RejectionList(ListResponse[RejectionRead]):
    """Rejections, newest first."""

    model_config = list_example("/api/explorer/rejections/", _REJECTION)


Cause = Literal["warehouse", "conflict", "schema"]
_CAUSES: Final[Mapping[int, Cause]] = MappingProxyType({CONFLICTING: "conflict", QUARANTINED: "schema"})


class DeadLetterRead(BaseModel):
    """An accepted event that the warehouse did not store."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_LETTER]})

    id: str
    at: datetime
    cause: Cause = Field(
        description="`warehouse`: the warehouse refused it. `conflict`: an earlier delivery had other content and stands. `schema`: it "
        "violates the schema of its type, whose mode is `quarantine`."
    )
    reason: str
    code: int = Field(description="The warehouse's error code. 0 for `conflict`, 1000000 for `schema`.")
    topic: str | None = Field(
        description="The topic of the event log that has the event: `segops.event-imports` for imported events, `segops.quarantined-events`"
        " for quarantined ones, `segops.events` for all others. Null for letters from before topics were recorded."
    )
    event_type: str
    user_id: str = Field(description="The user, or the anonymous id of an event without one.")
    message_id: str
    size: int = Field(description="Bytes of the event as it was accepted.")
    replayed_at: datetime | None = Field(description="When the event was appended again, null if it was not.")
    content: dict[str, Any] | None = Field(description="The event. Null without the scope `profiles:read`.")

    @classmethod
    def of_letter(cls, letter: DeadLetter, *, with_content: bool) -> Self:
        """Convert from the domain."""
        row = row_of(letter.line)
        # Only the warehouse's own words may repeat values of the event.
        shows_reason = with_content or letter.code in _CAUSES
        return cls(
            id=letter.id,
            at=datetime.fromtimestamp(letter.at_ms / 1000, UTC),
            cause=_CAUSES.get(letter.code, "warehouse"),
            reason=letter.reason if shows_reason else f"The warehouse refused the event with code {letter.code}.",
            code=letter.code,
            topic=letter.topic or None,
            event_type=row.event_type if row else "",
            user_id=row.profile_id if row else "",
            message_id=letter.message_id,
            size=len(letter.line),
            replayed_at=letter.replayed_at,
            content=orjson.loads(letter.line) if row and with_content else None,
        )


class DeadLetterList(ListResponse[DeadLetterRead]):
    """Dead letters, newest first."""

    model_config = list_example("/api/explorer/dead-letters/", _LETTER)


class ReplayRead(BaseModel):
    """What became of a dead letter."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [{"id": _LETTER["id"], "outcome": "replayed", "replayed_at": _AT, "errors": []}]
        },
    )
    outcomes: ClassVar[str] = (
        "`replayed`: the event is in the log and will be stored. `conflicting`: an earlier delivery with other content stands, "
        "so nothing was appended. `refused`: the event is not valid any more; `errors` says why."
    )

    id: str
    outcome: Annotated[Literal["replayed", "conflicting", "refused"], Field(description=outcomes)]
    replayed_at: datetime | None
    errors: list[ItemError]

    @classmethod
    def of(cls, replay: Replay) -> Self:
        """Convert from the domain."""
        refusal = replay.refusal
        faults = [] if refusal is None else [refusal, *refusal.more]
        return cls(
            id=replay.letter.id,
            outcome=replay.outcome,
            replayed_at=replay.replayed_at,
            errors=[ItemError(index=0, path=fault.path, code=fault.code, detail=fault.detail) for fault in faults],
        )


class ReplayLetters(TenantFields):
    """Which dead letters to replay."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"tenant": 1, "event_type": "order_placed", "cause": "schema", "limit": 500}]},
    )

    event_type: Annotated[str, Field(min_length=1, max_length=MAX_EVENT_TYPE_CHARS)] | None = Field(
        default=None, description="Only letters with an event of this type. Traits have the type `$identify`."
    )
    cause: PendingCause | None = Field(default=None, description="Only letters with this `cause`.")
    limit: int = Field(
        default=MAX_REPLAYED, ge=1, le=MAX_REPLAYED, description="How many letters. The request costs as many events."
    )
    cursor: Annotated[str, Field(max_length=_MAX_CURSOR_CHARS)] | None = Field(
        default=None, description="`next_cursor` of the request before, to go on after its letters."
    )

    def pending(self) -> PendingFilter:
        """Convert to the domain."""
        return PendingFilter(event_type=self.event_type, cause=self.cause)


class RefusedLetter(BaseModel):
    """Why the event of a letter is not valid any more."""

    model_config = ConfigDict(frozen=True)

    id: str
    path: str
    code: str
    detail: str


class ReplayedLetters(BaseModel):
    """What became of many dead letters."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "replayed": 499,
                    "refused": 1,
                    "errors": [
                        {
                            "id": _LETTER["id"],
                            "path": "payload.total",
                            "code": "wrong-property-type",
                            "detail": "must be a number",
                        }
                    ],
                    "remaining": 120,
                    "next_cursor": "WzQyXQ",
                }
            ]
        },
    )

    replayed: int = Field(ge=0, description="Letters whose events are in the log and will be stored.")
    refused: int = Field(ge=0, description="Letters whose events are not valid any more. They stay as they are.")
    errors: list[RefusedLetter] = Field(description=f"Why, for the first {_MAX_REFUSED} of them.")
    remaining: int = Field(
        ge=0, description="Letters that this request did not come to: send it again with `next_cursor`."
    )
    next_cursor: str | None = Field(default=None, description="Null if none remains.")

    @classmethod
    def of(cls, replays: Replays) -> Self:
        """Convert from the domain."""
        return cls(
            replayed=replays.replayed,
            refused=len(replays.refused),
            errors=[
                RefusedLetter(id=replay.letter.id, path=fault.path, code=fault.code, detail=fault.whole_detail)
                for replay in replays.refused[:_MAX_REFUSED]
                if (fault := replay.refusal) is not None
            ],
            remaining=replays.remaining,
            next_cursor=replays.cursor,
        )


class SandboxEvent(TrackCall, TenantFields):
    """A test event: a track call, and the tenant whose test tenant gets it."""


class Published(BaseModel):
    """The test tenant has the event."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "queued": True,
                    "test_tenant": 8,
                    "message_id": "019e4526-d600-7000-8000-000000000000",
                    "duplicates": 0,
                }
            ]
        },
    )

    queued: Literal[True]
    test_tenant: int = Field(description="The id of the test tenant. Read the event with a key or a member of it.")
    message_id: str
    duplicates: int

    @classmethod
    def of(cls, published: sandbox.Published) -> Self:
        """Convert from the use case."""
        return cls(
            queued=True,
            test_tenant=published.test_tenant_id,
            message_id=published.receipt.message_ids[0],
            duplicates=published.receipt.duplicates,
        )
