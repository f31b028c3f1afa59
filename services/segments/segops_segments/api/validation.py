"""The route for validating a definition."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.route import takes_a_large_body
from segops_segments.api.dependencies import Reader, UseCasesOfApp
from segops_segments.api.schemas.validation import ValidateDefinition, ValidationReportRead

router: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["segments"])


@router.post("/validate/", summary="Validate a definition", responses=problems(403, 404))
@takes_a_large_body
async def validate_definition(
    use_cases: UseCasesOfApp, caller: Reader, body: ValidateDefinition
) -> ValidationReportRead:
    """Returns every error with its path, and warnings about likely mistakes. Nothing is stored.

    With `tenant`, it also checks references and warns about event types and properties that no event of the tenant has.
    """
    if body.tenant is not None:
        caller.require(body.tenant, Scope.SEGMENTS_READ)
    report = await use_cases.validation.validate(body.definition, tenant_id=body.tenant, segment_id=body.segment_id)
    return ValidationReportRead.of(report)
