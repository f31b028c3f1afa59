"""Body and answer of an explanation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.config import JsonDict

from segops_language import EXAMPLE, Definition, InstantText, Optional
from segops_language.events import Event
from segops_language.instants import from_ms
from segops_language.model import fault_at
from segops_language.reference.explain import Explained
from segops_language.values import parse_text
from segops_membership.service.explain import Answer

MAX_ID: Final = 2**63 - 1
MAX_USER_ID_CHARS: Final = 256
_EVIDENCE: Final[JsonDict] = {
    "message_id": "m-1",
    "event_type": "purchase",
    "timestamp": "2026-01-30T08:00:00Z",
}
_LEAF: Final[JsonDict] = {
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
    **_LEAF,
    "path": "definition",
    "type": "group",
    "logic": "AND",
    "evidence": "0 of 1 hold",
    "value": 0,
    "target": 1,
    "events": [],
    "event_count": 0,
    "unmet": "all of its 1 conditions",
    "children": [_LEAF],
}

Id = Annotated[int, Field(ge=1, le=MAX_ID)]


class ExplainRequest(BaseModel):
    """A user, and a segment or a definition that need not be saved."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {"tenant": 1, "segment_id": 42, "user_id": "user-123"},
                {"tenant": 1, "definition": EXAMPLE, "user_id": "user-123"},
            ]
        },
    )

    tenant: Id
    user_id: Annotated[str, Field(min_length=1, max_length=MAX_USER_ID_CHARS, description="Or an anonymous id.")]
    segment_id: Optional[Id] = Field(
        default=None,
        description="Explain by this segment's present definition; beside a `definition`, the segment that would have it.",
    )
    definition: Optional[Definition] = None
    as_of: Optional[InstantText] = Field(default=None, description="Now when left out.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.segment_id is None and self.definition is None:
            raise fault_at("segment_id", "required", "Give a `segment_id` or a `definition`.")
        parse_text(self.user_id)
        return self


class EvidenceRead(BaseModel):
    """An event that decided."""

    model_config = ConfigDict(frozen=True)

    message_id: str
    event_type: str
    timestamp: datetime

    @classmethod
    def of(cls, event: Event) -> EvidenceRead:
        """The answer for an event."""
        at = from_ms(event.timestamp_ms)
        return cls(message_id=event.message_id, event_type=event.event_type, timestamp=at)


class ExplainedRead(BaseModel):
    """A node of the definition with its verdict."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_LEAF]})

    path: str = Field(description="A segment's own tree stands under its node's path with `.definition`.")
    type: str = Field(description="`group`, or the condition's type.")
    logic: Literal["AND", "OR"] | None = Field(default=None, description="Of a group.")
    segment_id: int | None = Field(default=None, description="Of a segment condition.")
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
        description="The first later instant at which time alone, without new events, changes the verdict; else null.",
    )
    next_change_unknown: bool = Field(
        description="True when it was too costly to find out whether and when time alone changes the verdict."
    )
    children: tuple[ExplainedRead, ...] = Field(
        description="A group's nodes; the tree of a segment, where the segment is met first."
    )

    @classmethod
    def of(cls, node: Explained) -> ExplainedRead:
        """The answer for a node and all below it."""
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


class ExplanationRead(BaseModel):
    """Whether a user is in a segment, and why."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "user_id": "user-123",
                    "segment_id": 42,
                    "version": 1,
                    "as_of": "2026-01-31T09:00:00Z",
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
    version: int | None = Field(
        description="Of the segment's present definition; null for a definition of the request."
    )
    as_of: datetime = Field(description="The instant of the answer; later events do not exist for it.")
    known: bool = Field(description="Whether the user has any event by then; if not, only lists can have them.")
    member: bool = Field(description="The tree's verdict, for users that the universe knows; false for all others.")
    next_change_at: datetime | None = Field(default=None, description="When time alone changes `member`.")
    next_change_unknown: bool
    tree: ExplainedRead

    @classmethod
    def of(cls, request: ExplainRequest, answer: Answer) -> ExplanationRead:
        """The answer for an explanation."""
        explanation = answer.explanation
        at = explanation.forecast.next_change_ms
        return cls(
            user_id=request.user_id,
            segment_id=request.segment_id,
            version=answer.version,
            as_of=from_ms(answer.as_of_ms),
            known=answer.known,
            member=explanation.forecast.holds,
            next_change_at=None if at is None else from_ms(at),
            next_change_unknown=explanation.forecast.next_change_unknown,
            tree=ExplainedRead.of(explanation.tree),
        )
