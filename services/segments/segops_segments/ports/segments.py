"""Storing and reading segments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from segops_segments.domain.segment import EVERY_SEGMENT, NewSegment, Segment, SegmentFilter


class NameTaken(Exception):
    """Another segment of the tenant has that name."""


class SegmentReader(Protocol):
    """Reads segments; a deleted segment is absent."""

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        """Return the segment; None when it does not exist or belongs to another tenant."""
        ...

    async def list_segments(
        self,
        tenants: Collection[int],
        after: int,
        limit: int,
        *,
        offset: int = 0,
        among: Collection[int] | None = None,
        only: SegmentFilter = EVERY_SEGMENT,
    ) -> Sequence[Segment]:
        """Return segments of these tenants with an id greater than `after`, ascending by id.

        `offset` skips so many of them. With `among`, only segments with these ids; of these, those that `only` selects.
        """
        ...

    async def segment_count(self, tenants: Collection[int], only: SegmentFilter = EVERY_SEGMENT) -> int:
        """Return the number of segments of these tenants that the filter selects."""
        ...

    async def due_segments(self, tenant_id: int, not_after: datetime, limit: int) -> Sequence[Segment]:
        """Return the segments that are due by `domain.hourly.is_due`, ascending by id."""
        ...

    async def incomplete_segments(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        """Return the segments that are computed again by `domain.incomplete`, ascending by id."""
        ...

    async def segments_with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        """Return the ids of segments, except static ones, whose definition has this content hash, ascending."""
        ...

    async def segments_with_instants(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        """Return segments whose definition reads properties as instants, ascending by id."""
        ...


class SegmentWriter(SegmentReader, Protocol):
    """Reads and stores segments."""

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        """Store a segment as version 1. Raises NameTaken."""
        ...

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        """Store the present state of a segment. Raises NameTaken."""
        ...

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        """Make the segment absent and its name available."""
        ...
