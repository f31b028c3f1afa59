"""`segment`: membership of another segment."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from segops_language.conditions.base import (
    Condition,
    Evidence,
    Kind,
    ProfileView,
    no_change_points,
    no_other_events,
    no_reads,
    not_constant,
)
from segops_language.model import Negate
from segops_language.text.tokens import TokenReader
from segops_language.values import MAX_INTEGER


class SegmentMembership(Condition):
    """The profile is a member of another segment of the tenant, by its current definition."""

    type: Literal["segment"]
    segment_id: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    negate: Negate = False


def membership_evidence(segment_id: int, is_member: bool) -> Evidence:
    """Return the evidence of a membership that is known already."""
    return Evidence(
        value=is_member,
        target=True,
        text=f"{'a member' if is_member else 'not a member'} of segment {segment_id}",
        requirement=f"membership of segment {segment_id}",
    )


def _holds(condition: SegmentMembership, profile: ProfileView) -> bool:
    return profile.is_member(condition.segment_id)


def _evidence(condition: SegmentMembership, profile: ProfileView) -> Evidence:
    return membership_evidence(condition.segment_id, profile.is_member(condition.segment_id))


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "segment"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("segment")
    return {"type": "segment", "segment_id": reader.value()}


KIND = Kind(
    name="segment",
    model=SegmentMembership,
    schema=SegmentMembership,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=no_change_points,
    evidence=_evidence,
    constant=not_constant,
    phrase=lambda condition: f"who are in segment {condition.segment_id}",
    write=lambda condition: f"segment {condition.segment_id}",
    starts=_starts,
    read=_read,
    examples=({"type": "segment", "segment_id": 42}, {"type": "segment", "segment_id": 43, "negate": True}),
)
