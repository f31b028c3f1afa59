"""Request and response of an explanation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic.config import JsonDict

from segops_common.web.fields import TenantFields
from segops_common.web.profile_id import ProfileId
from segops_language import EXAMPLE, Definition, InstantText, Optional
from segops_language.events import Event
from segops_language.model import fault_at
from segops_language.reference.explain import Explained
from segops_language.values import parse_text
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import Id, RequestBody, Response
from segops_membership.service.analysis.explain import MembershipExplanation

_EVIDENCE: Final[JsonDict] = {
    "message_id": "m-1",
    "event_type": "purchase",
    "timestamp": "2026-01-30T08:00:00Z",
}
LEAF: Final[JsonDict] = {
    "path": "definition.conditions[0]",
    "type": "event_count",
    "logic": None,
    "segment_id": None,
    "negate": False,
    "holds": False,
    "evidence": "2 of 3",
    "value": 2,
    "target": 3,
    "events": [_EVIDENCE],
    "event_count": 2,
    "unmet": "at least 3 matching events",
    "next_change_at": None,
    "next_change_unknown": False,
    "children": [],
}
_GROUP: Final[JsonDict] = {
    **LEAF,
    "path": "definition",
    "type": "group",
    "logic": "AND",
    "evidence": "0 of 1 hold",
    "value": 0,
    "target": 1,
    "events": [],
    "event_count": 0,
    "unmet": "its condition",
    "children": [LEAF],
}


class ExplainRequest(TenantFields, RequestBody):
    """A user, and a segment or a definition, which need not be saved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"tenant": 1, "segment_id": 42, "user_id": "user-123"},
                {"tenant": 1, "definition": EXAMPLE, "user_id": "user-123"},
            ]
        },
    )

    user_id: Annotated[ProfileId, Field(description="A user id or an anonymous id.")]
    segment_id: Optional[Id] = Field(
        default=None,
        description="The segment to explain. With a `definition`: the segment that the definition is for.",
    )
    definition: Optional[Definition] = None
    as_of: Optional[InstantText] = Field(default=None, description="Default: now.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.segment_id is None and self.definition is None:
            raise fault_at(
                "segment_id", "required", "required without a `definition`: pass `segment_id` or `definition`"
            )
        parse_text(self.user_id)
        return self


class EvidenceRead(Response):
    """An event that decided."""

    message_id: str
    event_type: str
    timestamp: datetime

    @classmethod
    def of(cls, event: Event) -> EvidenceRead:
        """Return the response for an event."""
        at = from_ms(event.timestamp_ms)
        return cls(message_id=event.message_id, event_type=event.event_type, timestamp=at)


class ExplainedRead(Response):
    """A node of the definition with its verdict."""

    model_config = ConfigDict(json_schema_extra={"examples": [LEAF]})

    path: str = Field(
        description="Where the node is. The tree of a referenced segment has its node's path and `.definition`."
    )
    type: str = Field(description="`group`, or the condition's type.")
    logic: Literal["AND", "OR"] | None = Field(default=None, description="The logic of a group; null for a condition.")
    segment_id: int | None = Field(default=None, description="The segment of a segment condition; null for others.")
    negate: bool
    holds: bool = Field(description="The verdict, negation included.")
    evidence: str = Field(description="What decided, in words; `value` and `target` are the same for programs.")
    value: JsonValue = Field(description="A count, an aggregate, a time, a property's value; null when there is none.")
    target: JsonValue = Field(description="What the condition compares `value` with.")
    events: tuple[EvidenceRead, ...] = Field(description="The last ten of the deciding events, ascending by time.")
    event_count: int = Field(description="The number of deciding events.")
    unmet: str | None = Field(default=None, description="What would make the node hold; null when it holds.")
    next_change_at: datetime | None = Field(
        default=None,
        description="The first later instant at which the verdict changes if no new events arrive; null when there is none.",
    )
    next_change_unknown: bool = Field(description="True when predicting the next change would have cost too much.")
    children: tuple[ExplainedRead, ...] = Field(
        description="The nodes of a group; the tree of a segment where it occurs first."
    )

    @classmethod
    def of(cls, node: Explained) -> ExplainedRead:
        """Return the response for a node and all nodes below it."""
        at = node.forecast.next_change_ms
        return cls(
            path=node.path,
            type=node.type,
            logic=node.logic,
            segment_id=node.segment_id,
            negate=node.negate,
            holds=node.forecast.holds,
            evidence=node.evidence,
            value=node.value,
            target=node.target,
            events=tuple(EvidenceRead.of(event) for event in node.events),
            event_count=node.event_count,
            unmet=node.unmet,
            next_change_at=None if at is None else from_ms(at),
            next_change_unknown=node.forecast.next_change_unknown,
            children=tuple(cls.of(child) for child in node.children),
        )


class ExplanationRead(Response):
    """Whether a user is in a segment, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "user-123",
                    "segment_id": 42,
                    "version": 1,
                    "as_of": "2026-01-31T09:00:00Z",
                    "stale": False,
                    "stale_reason": None,
                    "known": True,
                    "member": False,
                    "next_change_at": None,
                    "next_change_unknown": False,
                    "tree": _GROUP,
                }
            ]
        },
    )

    user_id: str
    segment_id: int | None
    version: int | None = Field(description="The segment's current version; null when the request has a `definition`.")
    as_of: datetime = Field(description="The instant of the response. Later events do not count.")
    stale: bool = Field(description="Whether events that were acknowledged before the request may be missing.")
    stale_reason: str | None = Field(default=None, description="Why it is stale; null when it is not.")
    known: bool = Field(
        description="Whether the user has any event by then. A user without events can only be in static lists."
    )
    member: bool = Field(
        description="The verdict of the tree; false for a user without events who is in none of its static lists."
    )
    next_change_at: datetime | None = Field(default=None, description="When `member` changes if no new events arrive.")
    next_change_unknown: bool
    tree: ExplainedRead

    @classmethod
    def of(cls, request: ExplainRequest, answer: MembershipExplanation) -> ExplanationRead:
        """Return the response for an explanation."""
        explanation = answer.explanation
        at = explanation.forecast.next_change_ms
        return cls(
            user_id=request.user_id,
            segment_id=request.segment_id,
            version=answer.version,
            as_of=from_ms(answer.as_of_ms),
            stale=answer.stale_reason is not None,
            stale_reason=answer.stale_reason,
            known=answer.has_events,
            member=explanation.forecast.holds,
            next_change_at=None if at is None else from_ms(at),
            next_change_unknown=explanation.forecast.next_change_unknown,
            tree=ExplainedRead.of(explanation.tree),
        )
