"""Request and response of an overlap."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from segops_common.web.fields import TenantFields
from segops_language.model import Items, fault_at
from segops_membership.api.schemas.bases import Id, RequestBody, Response
from segops_membership.service.analysis.overlaps import Overlap

MAX_SEGMENTS: Final = 20


class OverlapRequest(TenantFields, RequestBody):
    """Segments to compare."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "segment_ids": [42, 57]}]})

    segment_ids: Annotated[
        Items[Id], Field(min_length=2, max_length=MAX_SEGMENTS, description="Must not contain an id twice.")
    ]

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if len(set(self.segment_ids)) < len(self.segment_ids):
            raise fault_at("segment_ids", "repeated", "must not contain a segment twice")
        return self


class SegmentSize(Response):
    """The number of a segment's published members."""

    segment_id: int
    size: int = Field(description="0 for a segment that was never published.")


class Intersection(Response):
    """The number of members that two segments share."""

    segment_ids: tuple[int, int]
    size: int


class OverlapRead(Response):
    """Sizes by the last published run of each segment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "segments": [{"segment_id": 42, "size": 1204}, {"segment_id": 57, "size": 310}],
                    "intersections": [{"segment_ids": [42, 57], "size": 122}],
                }
            ]
        }
    )

    segments: tuple[SegmentSize, ...] = Field(description="In the order of the request.")
    intersections: tuple[Intersection, ...] = Field(description="Each pair once.")

    @classmethod
    def of(cls, overlap: Overlap) -> OverlapRead:
        """Return the response for an overlap."""
        return cls(
            segments=tuple(SegmentSize(segment_id=id, size=size) for id, size in overlap.sizes.items()),
            intersections=tuple(
                Intersection(segment_ids=pair, size=size) for pair, size in overlap.intersections.items()
            ),
        )
