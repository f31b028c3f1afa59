"""Routes for creating, reading, changing and deleting segments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_common.web.request.route import takes_a_large_body
from segops_segments.api.dependencies import (
    READS,
    WRITES,
    ExpectedVersion,
    Reader,
    ReadSegment,
    UseCasesOfApp,
    Writer,
    WrittenSegment,
    actor,
)
from segops_segments.api.schemas.bases import MAX_ID
from segops_segments.api.schemas.segments import CreateSegment, SegmentDetail, SegmentList, SegmentRead, UpdateSegment
from segops_segments.domain.segment import Segment

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])
TenantFilter = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Return only segments of this tenant.")]


@router.get("/", summary="List segments", responses=problems(400, 403))
async def list_segments(
    use_cases: UseCasesOfApp, caller: Reader, page: PageParams, tenant: TenantFilter = None
) -> SegmentList:
    """Returns the segments of the caller's tenants, ascending by id."""
    tenants = caller.tenants(Scope.SEGMENTS_READ)
    if tenant is not None:
        caller.require(tenant, Scope.SEGMENTS_READ)
        tenants = frozenset({tenant})
    return SegmentList.of(await use_cases.segments.list(tenants, cursor=page.cursor, limit=page.limit))


@router.post("/", summary="Create a segment", status_code=201, responses=problems(403, 409))
@takes_a_large_body
async def create_segment(
    use_cases: UseCasesOfApp, caller: Writer, body: CreateSegment, response: Response
) -> SegmentRead:
    """Creates a segment. Its definition can be set later; until then the segment has no members."""
    caller.require(body.tenant, Scope.SEGMENTS_WRITE)
    segment = await use_cases.segments.create(body.to_domain(), by=actor(caller))
    response.headers["Location"] = f"{SEGMENTS_PREFIX}/{segment.id}/"
    return segment_response(segment, response)


@router.get("/{segment_id}/", summary="Read a segment", dependencies=[READS], responses=problems(403, 404))
async def get_segment(use_cases: UseCasesOfApp, segment: ReadSegment, response: Response) -> SegmentDetail:
    """Returns the segment. `membership` shows what lookups return for it, and why that is stale if it is."""
    _set_etag(segment, response)
    return SegmentDetail.with_status(segment, await use_cases.runs.serving_status(segment))


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
    return segment_response(changed, response)


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


def segment_response(segment: Segment, response: Response) -> SegmentRead:
    """Return the body for a segment, and set its ETag on the response."""
    _set_etag(segment, response)
    return SegmentRead.of(segment)


def _set_etag(segment: Segment, response: Response) -> None:
    response.headers["ETag"] = f'"{segment.version}"'
