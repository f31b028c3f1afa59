"""Routes for creating, reading, changing and deleting segments."""

from __future__ import annotations

from fastapi import APIRouter, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams, TenantParams
from segops_common.web.problems import problems
from segops_common.web.request.route import takes_a_large_body
from segops_segments.api.dependencies import (
    READS,
    WRITES,
    ExpectedVersion,
    Reader,
    ReadSegment,
    SegmentFilterParams,
    UseCasesOfApp,
    Writer,
    WrittenSegment,
)
from segops_segments.api.schemas.segments import CreateSegment, SegmentDetail, SegmentList, SegmentRead, UpdateSegment
from segops_segments.domain.segment import Segment
from segops_segments.domain.serving_status import DRAFT, ComputeState
from segops_segments.service.actors import actor

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])


@router.get("/", summary="List segments", responses=problems(400, 403))
async def list_segments(
    use_cases: UseCasesOfApp, caller: Reader, page: PageParams, choice: TenantParams, only: SegmentFilterParams
) -> SegmentList:
    """Returns the segments of the tenant, or of all of the caller's tenants, ascending by id; those that the parameters select."""
    tenant = choice.named(caller, Scope.SEGMENTS_READ)
    tenants = caller.tenants(Scope.SEGMENTS_READ) if tenant is None else frozenset({tenant})
    segments = await use_cases.segments.list(tenants, page, only)
    states = await use_cases.runs.compute_states(segments.results)
    return SegmentList.of(segments, page, lambda segment: SegmentRead.of(segment, states[segment.id]))


@router.post("/", summary="Create a segment", status_code=201, responses=problems(403, 409))
@takes_a_large_body
async def create_segment(
    use_cases: UseCasesOfApp, caller: Writer, body: CreateSegment, response: Response
) -> SegmentRead:
    """Creates a segment. Its definition can be set later; until then the segment has no members."""
    new = body.to_domain(body.tenant_of(caller, Scope.SEGMENTS_WRITE))
    segment = await use_cases.segments.create(new, by=actor(caller))
    response.headers["Location"] = f"{SEGMENTS_PREFIX}/{segment.id}/"
    return segment_response(segment, DRAFT, response)


@router.get("/{segment_id}/", summary="Read a segment", dependencies=[READS], responses=problems(403, 404))
async def get_segment(use_cases: UseCasesOfApp, segment: ReadSegment, response: Response) -> SegmentDetail:
    """Returns the segment. `membership` shows what lookups return for it, and why that is stale if it is."""
    _set_etag(segment, response)
    states = await use_cases.runs.compute_states([segment])
    return SegmentDetail.with_status(segment, states[segment.id], await use_cases.runs.serving_status(segment))


@router.patch("/{segment_id}/", summary="Change a segment", responses=problems(403, 404, 409, 412))
@takes_a_large_body
async def update_segment(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: UpdateSegment,
    response: Response,
) -> SegmentRead:
    """Changes the given fields. With `If-Match`, only if the segment still has that version."""
    changed = await use_cases.segments.change(
        segment.tenant_id, segment.id, body.to_domain(), expected=expected, by=actor(caller)
    )
    states = await use_cases.runs.compute_states([changed])
    return segment_response(changed, states[changed.id], response)


@router.delete(
    "/{segment_id}/",
    summary="Delete a segment",
    status_code=204,
    dependencies=[WRITES],
    responses=problems(403, 404, 409, 412),
)
async def delete_segment(
    use_cases: UseCasesOfApp, caller: Writer, segment: WrittenSegment, expected: ExpectedVersion
) -> None:
    """Deletes the segment and its history, and makes its name available. A last run removes all members.

    Refused while other segments refer to it: change their definitions first.
    """
    await use_cases.deletion.delete(segment.tenant_id, segment.id, expected=expected, by=actor(caller))


def segment_response(segment: Segment, state: ComputeState, response: Response) -> SegmentRead:
    """Return the body for a segment, and set its ETag on the response."""
    _set_etag(segment, response)
    return SegmentRead.of(segment, state)


def _set_etag(segment: Segment, response: Response) -> None:
    response.headers["ETag"] = f'"{segment.version}"'
