"""Bodies for creating, reading and changing segments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from segops_common.core.pagination import Page
from segops_language import EXAMPLE, Definition, Group, Optional, without_default
from segops_segments.api.schemas.bases import AT, RequestBody, ResponseBody, TenantId
from segops_segments.api.schemas.runs import MEMBERSHIP, ServedMembership
from segops_segments.domain.segment import (
    MAX_SHOWN_REFERRERS,
    NOBODY,
    Change,
    NewSegment,
    Refresh,
    Segment,
    SegmentType,
)
from segops_segments.domain.serving_status import ServingStatus

_SEGMENT: Final[JsonDict] = {
    "id": 42,
    "name": "Pricing Page Visitors",
    "tenant": 1,
    "segment_type": "rule",
    "definition": EXAMPLE,
    "description": "",
    "refresh": "manual",
    "version": 2,
    "references": [],
    "referenced_by": [57],
    "created_at": AT,
    "updated_at": AT,
}

_REFRESH: Final = (
    "`manual`: the segment is computed on request only; the default for a new segment. `hourly`: it is also computed at"
    " most an hour after its last run, together with other hourly segments of the tenant; only for segments of type"
    " `rule`. `live` is not available yet."
)

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"\S"),
    Field(description="Must be unique in the tenant and not blank."),
]
Description = Annotated[str, StringConstraints(max_length=2000)]


class CreateSegment(RequestBody):
    """A segment to create; its definition can be set later."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Pricing Page Visitors", "tenant": 1, "segment_type": "rule"}]}
    )

    name: Name
    tenant: TenantId
    segment_type: SegmentType
    definition: Optional[Definition] = None
    description: Annotated[Description, Field(json_schema_extra=without_default)] = ""
    refresh: Annotated[Refresh, Field(description=_REFRESH, json_schema_extra=without_default)] = "manual"

    def to_domain(self) -> NewSegment:
        """Return the segment to create."""
        return NewSegment(
            tenant_id=self.tenant,
            name=self.name,
            segment_type=self.segment_type,
            definition=NOBODY if self.definition is None else self.definition,
            description=self.description,
            refresh=self.refresh,
        )


class UpdateSegment(RequestBody):
    """The fields to change; fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": EXAMPLE}]})

    name: Optional[Name] = None
    definition: Optional[Definition] = None
    description: Optional[Description] = None
    refresh: Optional[Refresh] = Field(default=None, description=_REFRESH)

    def to_domain(self) -> Change:
        """Return the change."""
        return Change(name=self.name, definition=self.definition, description=self.description, refresh=self.refresh)


class SegmentRead(ResponseBody):
    """A segment in its present state."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEGMENT]})

    id: int
    name: str
    tenant: int
    segment_type: SegmentType
    definition: Group = Field(description="Until a definition is set: an OR without conditions, which has no members.")
    description: str
    refresh: Refresh
    version: int = Field(description="Incremented by every change; also the ETag.")
    references: tuple[int, ...] = Field(description="Segments that the definition refers to, ascending by id.")
    referenced_by: tuple[int, ...] = Field(
        description=f"Segments whose definitions refer to this one: the first {MAX_SHOWN_REFERRERS}, ascending by id. "
        "A change of this list does not increment `version`."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, segment: Segment) -> SegmentRead:
        """Return the response for a segment."""
        return cls(
            id=segment.id,
            name=segment.name,
            tenant=segment.tenant_id,
            segment_type=segment.segment_type,
            definition=segment.definition,
            description=segment.description,
            refresh=segment.refresh,
            version=segment.version,
            references=segment.references,
            referenced_by=segment.referenced_by,
            created_at=segment.created_at,
            updated_at=segment.updated_at,
        )


class SegmentDetail(SegmentRead):
    """A segment in its present state, with the membership that it serves."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEGMENT | {"membership": MEMBERSHIP}]})

    membership: ServedMembership

    @classmethod
    def with_status(cls, segment: Segment, status: ServingStatus) -> SegmentDetail:
        """Return the response for a segment and its serving status."""
        return cls(**dict(SegmentRead.of(segment)), membership=ServedMembership.of(status))


class SegmentList(ResponseBody):
    """A page of segments, ascending by id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SEGMENT], "next_cursor": "WzQyXQ"}]})

    items: tuple[SegmentRead, ...]
    next_cursor: str | None = Field(description="Null on the last page.")

    @classmethod
    def of(cls, page: Page[Segment]) -> SegmentList:
        """Return the response for a page."""
        return cls(items=tuple(map(SegmentRead.of, page.items)), next_cursor=page.next_cursor)
