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

    It also checks references and warns about event types and properties that no event of the tenant has, unless the
    caller belongs to several tenants and names none.
    """
    choice = body.chosen_tenant
    # The segment decides what a reference may lead to, so it needs its tenant.
    decide = choice.only if body.segment_id is None else choice.required
    tenant = decide(caller, Scope.SEGMENTS_READ)
    report = await use_cases.validation.validate(body.definition, tenant_id=tenant, segment_id=body.segment_id)
    return ValidationReportRead.of(report)
