"""The routes that answer what a definition selects, what it would change, and how segments overlap."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import require
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY
from segops_membership.api.analysis_models import (
    OverlapRead,
    OverlapRequest,
    PlanRead,
    PlanRequest,
    PreviewRead,
    PreviewRequest,
    SqlRead,
)
from segops_membership.api.deps import UseCasesOfApp

Reader = Annotated[Principal, require(Scope.SEGMENTS_READ)]
router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["analysis"])


@router.post(
    "/preview/", summary="Preview a definition", responses=problems(403, 409, 429, 503), openapi_extra=READS_ONLY
)
async def preview_definition(use_cases: UseCasesOfApp, caller: Reader, body: PreviewRequest) -> PreviewRead:
    """Counts exactly who an unsaved definition selects, and what each of its parts does by itself.

    Nothing is stored. Events acknowledged before the call count; late ones for a repeated `as_of` within a minute.
    """
    caller.require(body.tenant, Scope.SEGMENTS_READ)
    return PreviewRead.of(
        await use_cases.previews.preview(body.tenant, body.definition, segment_id=body.segment_id, as_of=body.as_of)
    )


@router.post(
    "/sql/", summary="Show the SQL of a definition", responses=problems(403, 409, 503), openapi_extra=READS_ONLY
)
async def show_sql(use_cases: UseCasesOfApp, caller: Reader, body: PreviewRequest) -> SqlRead:
    """The statements that a run of the definition would send to ClickHouse, with their bound parameters.

    Conditions on the same event type share a statement. No event is read: `rows` is what the index leaves to be read, so
    that the cost of a run is known before it.
    """
    caller.require(body.tenant, Scope.SEGMENTS_READ)
    as_of_ms, queries = await use_cases.previews.queries(
        body.tenant, body.definition, segment_id=body.segment_id, as_of=body.as_of
    )
    return SqlRead.of(as_of_ms, queries)


@router.post(
    "/plan/",
    summary="Plan a change of a definition",
    responses=problems(403, 404, 409, 429, 503),
    openapi_extra=READS_ONLY,
)
async def plan_definition(use_cases: UseCasesOfApp, caller: Reader, body: PlanRequest) -> PlanRead:
    """Evaluates the present definition of a segment, or the one given as base, and another as of the same instant.

    Nothing is stored.
    """
    plan = await use_cases.previews.plan(
        caller.tenants(Scope.SEGMENTS_READ),
        body.segment_id,
        body.definition,
        base=body.base_definition,
        as_of=body.as_of,
    )
    return PlanRead.of(plan)


@router.post(
    "/overlap/", summary="Compare published segments", responses=problems(403, 404, 429, 503), openapi_extra=READS_ONLY
)
async def compare_segments(use_cases: UseCasesOfApp, caller: Reader, body: OverlapRequest) -> OverlapRead:
    """The sizes of 2 to 20 segments of a tenant, and of what every two of them share."""
    caller.require(body.tenant, Scope.SEGMENTS_READ)
    return OverlapRead.of(await use_cases.overlaps.overlap(body.tenant, body.segment_ids))
