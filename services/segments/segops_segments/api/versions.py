"""Routes for reading, comparing and restoring versions of a segment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams
from segops_common.web.problems import problems
from segops_segments.api.dependencies import (
    READS,
    ExpectedVersion,
    ReadSegment,
    UseCasesOfApp,
    Writer,
    WrittenSegment,
)
from segops_segments.api.schemas.bases import MAX_ID
from segops_segments.api.schemas.segments import SegmentRead
from segops_segments.api.schemas.versions import (
    RestoreVersion,
    VersionDetail,
    VersionDiffRead,
    VersionList,
    VersionRead,
)
from segops_segments.api.segments import segment_response
from segops_segments.service.actors import actor

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])
VersionNumber = Annotated[int, Path(ge=1, le=MAX_ID)]
Against = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="The version to compare with. Default: the version before.")
]


@router.get(
    "/{segment_id}/versions/",
    summary="List versions of a segment",
    dependencies=[READS],
    responses=problems(400, 403, 404),
)
async def list_versions(use_cases: UseCasesOfApp, segment: ReadSegment, page: PageParams) -> VersionList:
    """Returns the present and past definitions of the segment, newest first."""
    versions = await use_cases.segments.versions(segment.tenant_id, segment.id, page)
    return VersionList.of(versions, page, VersionRead.of)


@router.get(
    "/{segment_id}/versions/{version}/",
    summary="Read a version of a segment",
    dependencies=[READS],
    responses=problems(403, 404),
)
async def get_version(use_cases: UseCasesOfApp, segment: ReadSegment, version: VersionNumber) -> VersionDetail:
    """Returns a definition of the segment. Only versions that changed the definition can be read."""
    return VersionDetail.of(await use_cases.segments.version(segment.tenant_id, segment.id, version))


@router.get(
    "/{segment_id}/versions/{version}/diff/",
    summary="Compare two versions of a segment",
    dependencies=[READS],
    responses=problems(403, 404),
)
async def compare_versions(
    use_cases: UseCasesOfApp, segment: ReadSegment, version: VersionNumber, against: Against = None
) -> VersionDiffRead:
    """Returns the lines that were added to and removed from the text form.

    The first version is compared with an empty definition.
    """
    return VersionDiffRead.of(await use_cases.segments.diff(segment.tenant_id, segment.id, version, against=against))


@router.post("/{segment_id}/restore/", summary="Restore a version", responses=problems(403, 404, 412))
async def restore_version(
    use_cases: UseCasesOfApp,
    caller: Writer,
    segment: WrittenSegment,
    expected: ExpectedVersion,
    body: RestoreVersion,
    response: Response,
) -> SegmentRead:
    """Sets the definition of an earlier version again, as a new version."""
    restored = await use_cases.segments.restore(
        segment.tenant_id, segment.id, body.version, expected=expected, by=actor(caller)
    )
    states = await use_cases.runs.compute_states([restored])
    return segment_response(restored, states[restored.id], response)
