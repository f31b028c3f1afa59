"""Bodies for creating, reading and changing segments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from segops_common.web.fields import ListResponse, TenantFields, list_example
from segops_language import EXAMPLE, Definition, Group, Optional, without_default
from segops_segments.api.schemas.bases import AT, RequestBody, ResponseBody
from segops_segments.api.schemas.runs import MEMBERSHIP, ServedMembership
from segops_segments.domain.segment import (
    MAX_SHOWN_REFERRERS,
    MAX_TAG_CHARS,
    MAX_TAGS,
    NOBODY,
    Change,
    NewSegment,
    Refresh,
    Segment,
    SegmentType,
)
from segops_segments.domain.serving_status import ComputeState, ComputeStatus, ServingStatus

_SEGMENT: Final[JsonDict] = {
    "id": 42,
    "name": "Pricing Page Visitors",
    "tenant": 1,
    "segment_type": "rule",
    "definition": EXAMPLE,
    "description": "",
    "refresh": "manual",
    "owner": "user:7",
    "tags": ["growth"],
    "version": 2,
    "is_active": True,
    "status": "computed",
    "member_count": 1204,
    "last_computed_at": AT,
    "references": [],
    "referenced_by": [57],
    "created_at": AT,
    "updated_at": AT,
}

_REFRESH: Final = (
    "`manual`: the segment is computed on request only; the default for a new segment. `hourly`: it is also computed at"
    " most an hour after its last run, together with other hourly segments of the tenant; only for segments of type"
    " `rule` and `ai`. `live` is not available yet."
)

_TYPE: Final = (
    "`rule`: the definition selects the members; the default. `ai`: the same, for a definition that a program wrote."
    " `static`: a list of users."
)


def _available_type(value: object) -> object:
    if value == "lookalike":
        raise PydanticCustomError("not-available-yet", "must be `rule`, `ai` or `static`: `lookalike` is not available")
    return value


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"\S"),
    Field(description="Must be unique in the tenant and not blank."),
]


def _different(tags: list[str]) -> list[str]:
    if len({*tags}) < len(tags):
        raise PydanticCustomError("not-unique", "must not have a tag twice")
    return tags


Tag = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TAG_CHARS, pattern=r"^\S(.*\S)?$")]
Tags = Annotated[
    list[Tag],
    Field(
        max_length=MAX_TAGS,
        description="Different texts by which lists are filtered. They neither begin nor end with a space.",
    ),
    AfterValidator(_different),
]
Description = Annotated[str, StringConstraints(max_length=2000)]


class CreateSegment(TenantFields, RequestBody):
    """A segment to create; its definition can be set later."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Pricing Page Visitors", "tenant": 1, "segment_type": "rule"}]}
    )

    name: Name
    segment_type: Annotated[
        Annotated[SegmentType, BeforeValidator(_available_type)],
        Field(description=_TYPE, json_schema_extra=without_default),
    ] = "rule"
    definition: Optional[Definition] = None
    description: Annotated[Description, Field(json_schema_extra=without_default)] = ""
    refresh: Annotated[Refresh, Field(description=_REFRESH, json_schema_extra=without_default)] = "manual"
    tags: Optional[Tags] = None

    def to_domain(self, tenant_id: int) -> NewSegment:
        """Return the segment to create."""
        return NewSegment(
            tenant_id=tenant_id,
            name=self.name,
            segment_type=self.segment_type,
            definition=NOBODY if self.definition is None else self.definition,
            description=self.description,
            refresh=self.refresh,
            tags=tuple(self.tags or ()),
        )


class UpdateSegment(RequestBody):
    """The fields to change; fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": EXAMPLE}]})

    name: Optional[Name] = None
    definition: Optional[Definition] = None
    description: Optional[Description] = None
    refresh: Optional[Refresh] = Field(default=None, description=_REFRESH)
    tags: Optional[Tags] = None

    def to_domain(self) -> Change:
        """Return the change."""
        return Change(
            name=self.name,
            definition=self.definition,
            description=self.description,
            refresh=self.refresh,
            tags=None if self.tags is None else tuple(self.tags),
        )


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
    owner: str | None = Field(description="Who created it: `user:<id>` or `key:<id>`. Null if that is not known.")
    tags: tuple[str, ...]
    version: int = Field(description="Incremented by every change; also the ETag.")
    is_active: bool = Field(description="Always true: a segment is active until it is deleted.")
    status: ComputeStatus = Field(
        description="`draft`: never computed. `computing`: a run is queued or running. `computed`: it has been computed;"
        " `membership` in the detail says whether that is stale."
    )
    member_count: int = Field(description="Users that lookups find in the segment. 0 for a draft.")
    last_computed_at: datetime | None = Field(description="When these members were computed. Null for a draft.")
    references: tuple[int, ...] = Field(description="Segments that the definition refers to, ascending by id.")
    referenced_by: tuple[int, ...] = Field(
        description=f"Segments whose definitions refer to this one: the first {MAX_SHOWN_REFERRERS}, ascending by id. "
        "A change of this list does not increment `version`."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, segment: Segment, state: ComputeState) -> SegmentRead:
        """Return the response for a segment."""
        return cls(
            id=segment.id,
            name=segment.name,
            tenant=segment.tenant_id,
            segment_type=segment.segment_type,
            definition=segment.definition,
            description=segment.description,
            refresh=segment.refresh,
            owner=segment.created_by or None,
            tags=segment.tags,
            version=segment.version,
            is_active=True,
            status=state.status,
            member_count=state.member_count,
            last_computed_at=state.last_computed_at,
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
    def with_status(cls, segment: Segment, state: ComputeState, status: ServingStatus) -> SegmentDetail:
        """Return the response for a segment and its serving status."""
        return cls(**dict(SegmentRead.of(segment, state)), membership=ServedMembership.of(status))


class SegmentList(ListResponse[SegmentRead]):
    """Segments, ascending by id."""

    model_config = list_example("/api/segments/", _SEGMENT)
