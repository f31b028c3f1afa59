"""Responses about changes of members."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Self

from pydantic import Field
from pydantic.config import JsonDict

from segops_common.contracts.jobs import ChangeReason
from segops_common.web.dependencies import ListQuery
from segops_common.web.fields import ListResponse, list_example
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, Response
from segops_membership.domain.members.changes import MemberChange
from segops_membership.service.members.changes import ChangePage, cursor_of

EXAMPLE_CHANGE: Final[JsonDict] = {
    "segment_id": 42,
    "user_id": "user-123",
    "change": "entered",
    "reason": "run",
    "version": 3,
    "run_id": "12",
    "at": EXAMPLE_INSTANT,
}


class ChangeRead(Response):
    """A user entered or exited a segment."""

    segment_id: int
    user_id: str
    change: Literal["entered", "exited"]
    reason: ChangeReason | Literal["erasure"] = Field(
        description="`definition`: the segment has a new definition since the changes before. `list`: the static list"
        " changed. `run`: events, traits or time changed the user. `erasure`: the user was erased. Forget the user."
    )
    version: int = Field(description="The version of the segment.")
    run_id: str
    at: datetime = Field(description="When the run was published, or the user was erased.")

    @classmethod
    def of(cls, change: MemberChange) -> ChangeRead:
        """Return the response for a change."""
        return cls(
            segment_id=change.segment_id,
            user_id=change.user_id,
            change=change.change,
            reason=change.reason,
            version=change.version,
            run_id=str(change.run_id),
            at=change.at,
        )


class ChangeList(ListResponse[ChangeRead]):
    """Changes in their order. `next` is null when there are no more now; `next_cursor` is never null: poll with it."""

    model_config = list_example("/api/segments/changes/", EXAMPLE_CHANGE)

    @classmethod
    def of_page(cls, page: ChangePage, query: ListQuery) -> Self:
        """Return the response for a page."""
        cursor = cursor_of(page.end)
        return cls(
            count=None,
            next=query.next_link(cursor) if page.has_more else None,
            previous=None,
            results=tuple(map(ChangeRead.of, page.changes)),
            next_cursor=cursor,
        )
