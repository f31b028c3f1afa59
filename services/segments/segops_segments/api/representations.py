"""The routes that show definitions as people read them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY
from segops_segments.api.dependencies import READS, ReadSegment, UseCasesOfApp
from segops_segments.api.schemas.representations import (
    DefinitionDescription,
    DescribeDefinition,
    VersionDetail,
    VersionDiffRead,
)
from segops_segments.api.schemas.segments import MAX_ID

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])
VersionNumber = Annotated[int, Path(ge=1, le=MAX_ID)]
Against = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="The version to compare with; the one before when left out.")
]


@router.post(
    "/describe/",
    summary="Describe a definition",
    dependencies=[READS],
    responses=problems(403),
    openapi_extra=READS_ONLY,
)
async def describe_definition(body: DescribeDefinition) -> DefinitionDescription:
    """Turns a definition into its text form and a sentence, and a text form into the definition that it says."""
    return DefinitionDescription.of(body.meant())


@router.get(
    "/{segment_id}/versions/{version}/",
    summary="Read a version of a segment",
    dependencies=[READS],
    responses=problems(403, 404),
)
async def get_version(use_cases: UseCasesOfApp, segment: ReadSegment, version: VersionNumber) -> VersionDetail:
    """Only a change of the definition makes a version that can be read."""
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
    """What was added to the text form and what was removed; the first version is compared with nobody's definition."""
    return VersionDiffRead.of(await use_cases.segments.diff(segment.tenant_id, segment.id, version, against=against))
