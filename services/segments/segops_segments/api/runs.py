"""Routes for requesting and reading runs."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_segments.api.dependencies import (
    READS,
    ReadSegment,
    RunId,
    UseCasesOfApp,
    Writer,
    WrittenSegment,
)
from segops_segments.api.schemas.compute import (
    ComputeAccepted,
    ComputeRequest,
    ComputeTogetherAccepted,
    ComputeTogetherRequest,
)
from segops_segments.api.schemas.runs import RunList, RunRead
from segops_segments.service.actors import actor

COMPUTES: Final = "computes"
"""What rate limits count here: segments to compute, not requests."""
ALL_SEGMENTS_COST: Final = 100
"""The cost of computing all segments of a tenant, whose number is not known before the request is admitted."""
router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])


def number_of_segments(body: Any) -> int:
    """Return the cost of a request that computes several segments."""
    segment_ids = body.get("segment_ids") if isinstance(body, dict) else None
    return max(1, len(segment_ids)) if isinstance(segment_ids, list) else ALL_SEGMENTS_COST


@router.post("/compute/", summary="Compute several segments in one pass", status_code=202, responses=problems(403, 409))
@charged(COMPUTES, cost=number_of_segments)
async def compute_segments(
    use_cases: UseCasesOfApp, caller: Writer, body: ComputeTogetherRequest
) -> ComputeTogetherAccepted:
    """Queues as few runs as possible, usually one. A run reads the events once for all its segments.

    A segment with a queued run that has not started joins that run. Each segment has its own result: if the run fails
    for one segment, it still succeeds for the others.
    """
    tenant = body.tenant_of(caller, Scope.SEGMENTS_WRITE)
    parts = await use_cases.run_requests.request_many(tenant, body.segment_ids, as_of=body.as_of, by=actor(caller))
    return ComputeTogetherAccepted.of(parts)


@router.post("/{segment_id}/compute/", summary="Compute a segment", status_code=202, responses=problems(403, 404, 409))
@charged(COMPUTES)
async def compute_segment(
    use_cases: UseCasesOfApp, caller: Writer, segment: WrittenSegment, body: ComputeRequest | None = None
) -> ComputeAccepted:
    """Queues a run that reads the events as of now or of an earlier instant.

    Requests without `as_of` share a run that is queued and has not started.
    """
    as_of = None if body is None else body.as_of
    part = await use_cases.run_requests.request_one(segment.tenant_id, segment.id, as_of=as_of, by=actor(caller))
    return ComputeAccepted(run_id=str(part.run_id))


@router.get(
    "/{segment_id}/runs/", summary="List runs of a segment", dependencies=[READS], responses=problems(400, 403, 404)
)
async def list_runs(use_cases: UseCasesOfApp, segment: ReadSegment, page: PageParams) -> RunList:
    """Returns the runs of the segment, newest first."""
    return RunList.of(await use_cases.runs.list(segment.tenant_id, segment.id, page), page, RunRead.of)


@router.get("/{segment_id}/runs/{run_id}/", summary="Read a run", dependencies=[READS], responses=problems(403, 404))
async def get_run(use_cases: UseCasesOfApp, segment: ReadSegment, run_id: RunId) -> RunRead:
    """Returns the status, progress and result of the run for this segment."""
    return RunRead.of(await use_cases.runs.get(segment.tenant_id, segment.id, run_id))
