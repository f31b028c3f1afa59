"""Finding the segment that a use case works on, and checking that it is in the expected state."""

from __future__ import annotations

from collections.abc import Collection

from segops_common.core.problems import Conflict, NotFound, PreconditionFailed
from segops_segments.domain.segment import Segment
from segops_segments.ports.segments import SegmentReader


async def require_segment(unit: SegmentReader, tenants: Collection[int], segment_id: int) -> Segment:
    """Return the segment. Raises NotFound, in the same words whether or not another tenant has the segment."""
    segment = await unit.find_segment(tenants, segment_id)
    if segment is None:
        raise NotFound("There is no such segment.")
    return segment


def require_version(segment: Segment, expected: int | None) -> None:
    """Raise PreconditionFailed unless the segment has the version that the caller saw; None accepts any."""
    if expected is not None and expected != segment.version:
        raise PreconditionFailed("The segment has changed since you read it. Read it again and repeat the request.")


def require_static(segment: Segment) -> None:
    """Raise Conflict (not-a-static-segment) for a segment of rules."""
    if segment.segment_type != "static":
        raise Conflict(
            "The segment must be static. This one is of rules: change its definition instead.",
            slug="not-a-static-segment",
        )
