"""The route that shows a definition as JSON, as text and as a sentence."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY, takes_a_large_body
from segops_segments.api.dependencies import READS
from segops_segments.api.schemas.representations import DefinitionDescription, DescribeDefinition

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])


@router.post(
    "/describe/",
    summary="Describe a definition",
    dependencies=[READS],
    responses=problems(403),
    openapi_extra=READS_ONLY,
)
@takes_a_large_body
async def describe_definition(body: DescribeDefinition) -> DefinitionDescription:
    """Returns the definition as JSON, as text and as an English sentence, from its JSON or its text."""
    return DefinitionDescription.of(body.parse())
