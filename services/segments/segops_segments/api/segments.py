"""The routes under /api/segments/."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_segments.api.dependencies import (
    READS,
    WRITES,
    ExpectedVersion,
    Reader,
    ReadSegment,
    RunId,
    UseCasesOfApp,
    Writer,
    WrittenSegment,
    actor,
)
from segops_segments.api.schemas.compute import (
    ComputeAccepted,
    ComputeRequest,
    ComputeTogetherAccepted,
    ComputeTogetherRequest,
)
from segops_segments.api.schemas.segments import (
    MAX_ID,
    CreateSegment,
    DefinitionVerdict,
    RestoreVersion,
    RunList,
    RunRead,
    SegmentDetail,
    SegmentList,
    SegmentRead,
    UpdateSegment,
    ValidateDefinition,
    VersionList,
)
from segops_segments.domain.segment import Segment

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])
TenantFilter = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only segments of this tenant.")]


@router.get("/", summary="List segments", responses=problems(400, 403))
async def list_segments(
    use_cases: UseCasesOfApp, caller: Reader, page: PageParams, tenant: TenantFilter = None
) -> SegmentList:
    """Segments of the caller's tenants, by rising id."""
    tenants = caller.tenants(Scope.SEGMENTS_READ)
    if tenant is not None:
        caller.require(tenant, Scope.SEGMENTS_READ)
        tenants = frozenset({tenant})
    return SegmentList.of(await use_cases.segments.list(tenants, cursor=page.cursor, limit=page.limit))


@router.post("/", summary="Create a segment", status_code=201, responses=problems(403, 409))
async def create_segment(
    use_cases: UseCasesOfApp, caller: Writer, body: CreateSegment, response: Response
) -> SegmentRead:
    """The name is unique in the tenant. The definition may be set later; until then nobody is a member."""
    caller.require(body.tenant, Scope.SEGMENTS_WRITE)
    segment = await use_cases.segments.create(body.to_domain(), by=actor(caller))
    response.headers["Location"] = f"{SEGMENTS_PREFIX}/{segment.id}/"
    return _shown(segment, response)


@router.post("/validate/", summary="Validate a definition", responses=problems(403, 404))
async def validate_definition(use_cases: UseCasesOfApp, caller: Reader, body: ValidateDefinition) -> DefinitionVerdict:
    """Says every fault with its path, and warns of what no event of the tenant has ever had; nothing is stored."""
    if body.tenant is not None:
        caller.require(body.tenant, Scope.SEGMENTS_READ)
    verdict = await use_cases.verdicts.of(body.definition, tenant_id=body.tenant, segment_id=body.segment_id)
    return DefinitionVerdict.of(verdict)


@router.post("/compute/", summary="Compute several segments in one pass", status_code=202, responses=problems(403, 409))
async def compute_segments(
    use_cases: UseCasesOfApp, caller: Writer, body: ComputeTogetherRequest
) -> ComputeTogetherAccepted:
    """Queues one run of all of them, or few: what several ask is read once.

    A segment with a run that nobody has begun joins that, as when it is computed alone. For each of its segments a run
    has what it found, or the problem for which it failed: one that cannot be computed leaves out no other.
    """
    caller.require(body.tenant, Scope.SEGMENTS_WRITE)
    runs = await use_cases.runs.request_together(body.tenant, body.segment_ids, as_of=body.as_of, by=actor(caller))
    return ComputeTogetherAccepted.of(runs)


@router.get("/{segment_id}/", summary="Read a segment", dependencies=[READS], responses=problems(403, 404))
async def get_segment(use_cases: UseCasesOfApp, segment: ReadSegment, response: Response) -> SegmentDetail:
    """The ETag is the version; `membership` says what is served, and why when that is stale."""
    _tagged(segment, response)
    return SegmentDetail.with_standing(segment, await use_cases.runs.standing(segment))


@router.patch("/{segment_id}/", summary="Change a segment", responses=problems(403, 404, 409, 412))
async def update_segment(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: UpdateSegment,
    response: Response,
) -> SegmentRead:
    """Fields that are left out stay as they are. With `If-Match`, only if the version is still that one."""
    changed = await use_cases.segments.change(
        segment.tenant_id, segment.id, body.to_domain(), expected=expected, by=actor(caller)
    )
    return _shown(changed, response)


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
    """Its name is free again, its past runs are no longer shown, and a last run lets all its members exit.

    Refused while other segments refer to it.
    """
    await use_cases.runs.delete_segment(segment.tenant_id, segment.id, expected=expected, by=actor(caller))


@router.post("/{segment_id}/compute/", summary="Compute a segment", status_code=202, responses=problems(403, 404, 409))
async def compute_segment(
    use_cases: UseCasesOfApp, caller: Writer, segment: WrittenSegment, body: ComputeRequest | None = None
) -> ComputeAccepted:
    """Queues a run as of now, or as of an earlier instant. Requests made close together share a run."""
    as_of = None if body is None else body.as_of
    run = await use_cases.runs.request(segment.tenant_id, segment.id, as_of=as_of, by=actor(caller))
    return ComputeAccepted(run_id=str(run.id))


@router.get(
    "/{segment_id}/runs/", summary="List runs of a segment", dependencies=[READS], responses=problems(400, 403, 404)
)
async def list_runs(use_cases: UseCasesOfApp, segment: ReadSegment, page: PageParams) -> RunList:
    """Newest first."""
    return RunList.of(await use_cases.runs.list(segment.tenant_id, segment.id, cursor=page.cursor, limit=page.limit))


@router.get("/{segment_id}/runs/{run_id}/", summary="Read a run", dependencies=[READS], responses=problems(403, 404))
async def get_run(use_cases: UseCasesOfApp, segment: ReadSegment, run_id: RunId) -> RunRead:
    """How far the run is, and what it found."""
    return RunRead.of(await use_cases.runs.get(segment.tenant_id, segment.id, run_id))


@router.get(
    "/{segment_id}/versions/",
    summary="List versions of a segment",
    dependencies=[READS],
    responses=problems(400, 403, 404),
)
async def list_versions(use_cases: UseCasesOfApp, segment: ReadSegment, page: PageParams) -> VersionList:
    """The definitions the segment has had, newest first."""
    return VersionList.of(
        await use_cases.segments.versions(segment.tenant_id, segment.id, cursor=page.cursor, limit=page.limit)
    )


@router.post("/{segment_id}/restore/", summary="Restore a version", responses=problems(403, 404, 412))
async def restore_version(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: RestoreVersion,
    response: Response,
) -> SegmentRead:
    """Gives the segment that version's definition again, as a new version."""
    restored = await use_cases.segments.restore(
        segment.tenant_id, segment.id, body.version, expected=expected, by=actor(caller)
    )
    return _shown(restored, response)


def _shown(segment: Segment, response: Response) -> SegmentRead:
    _tagged(segment, response)
    return SegmentRead.of(segment)


def _tagged(segment: Segment, response: Response) -> None:
    response.headers["ETag"] = f'"{segment.version}"'
