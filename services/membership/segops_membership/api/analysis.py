"""The routes of previews, SQL, plans and overlaps."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from segops_common.contracts.http import MEMBERSHIP_PREFIX, SEGMENTS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_common.web.request.route import READS_ONLY, takes_a_large_body
from segops_membership.api.dependencies import SegmentId, SegmentsReader, UseCasesOfApp
from segops_membership.api.schemas.overlaps import OverlapRead, OverlapRequest
from segops_membership.api.schemas.plans import PlanRead, PlanRequest
from segops_membership.api.schemas.previews import EstimateRead, PreviewRead, PreviewRequest, SqlRead, SqlRequest

router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["analysis"])
documented: APIRouter = new_router(prefix=SEGMENTS_PREFIX, tags=["analysis"])
"""Routes with the prefix of the segments service, which the gateway sends here."""


@documented.post(
    "/preview/", summary="Preview a definition", responses=problems(403, 409, 429, 503), openapi_extra=READS_ONLY
)
@takes_a_large_body
@charged("analyses")
async def preview_definition(use_cases: UseCasesOfApp, caller: SegmentsReader, body: PreviewRequest) -> PreviewRead:
    """Count exactly which users an unsaved definition selects, and what each of its parts does by itself.

    Nothing is stored. Events acknowledged before the call count if their time is at or before `as_of`; without one, that may
    be an instant up to 5 s ago. When the same `as_of` is repeated within a minute, late events may not count.
    """
    tenant = body.tenant_of(caller, Scope.SEGMENTS_READ)
    preview, of_values, of_age = await asyncio.gather(
        use_cases.previews.preview(
            tenant, body.definition, segment_id=body.segment_id, as_of=body.as_of, sample_size=body.limit
        ),
        use_cases.value_checks.warnings(tenant, body.definition),
        use_cases.retention.warnings(tenant, body.definition),
    )
    return PreviewRead.of(preview, (*of_values, *of_age))


@documented.post(
    "/{segment_id}/estimate/",
    summary="Estimate a segment",
    responses=problems(403, 404, 409, 429, 503),
    openapi_extra=READS_ONLY,
)
@charged("analyses")
async def estimate_segment(use_cases: UseCasesOfApp, caller: SegmentsReader, segment_id: SegmentId) -> EstimateRead:
    """Count exactly which users the current definition of a segment selects now. Nothing is stored or published."""
    return EstimateRead.of(await use_cases.previews.estimate(caller.tenants(Scope.SEGMENTS_READ), segment_id))


@router.post(
    "/sql/", summary="Show the SQL of a definition", responses=problems(403, 409, 503), openapi_extra=READS_ONLY
)
@takes_a_large_body
@charged("analyses")
async def show_sql(use_cases: UseCasesOfApp, caller: SegmentsReader, body: SqlRequest) -> SqlRead:
    """Return the statements that a run of the definition would send to ClickHouse, with their bound parameters.

    Conditions on the same event type share a statement. No event is read: `rows` is estimated from the index, so the
    cost of a run is known before it.
    """
    tenant = body.tenant_of(caller, Scope.SEGMENTS_READ)
    as_of_ms, queries = await use_cases.previews.queries(
        tenant, body.definition, segment_id=body.segment_id, as_of=body.as_of
    )
    return SqlRead.of(as_of_ms, queries)


@router.post(
    "/plan/",
    summary="Plan a change of a definition",
    responses=problems(403, 404, 409, 429, 503),
    openapi_extra=READS_ONLY,
)
@takes_a_large_body
@charged("analyses")
async def plan_definition(use_cases: UseCasesOfApp, caller: SegmentsReader, body: PlanRequest) -> PlanRead:
    """Evaluate a segment's current definition (or `base_definition`) and a new one as of the same instant.

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
@charged("analyses")
async def compare_segments(use_cases: UseCasesOfApp, caller: SegmentsReader, body: OverlapRequest) -> OverlapRead:
    """Return the sizes of 2 to 20 segments of a tenant, and the size of each pair's intersection."""
    tenant = body.tenant_of(caller, Scope.SEGMENTS_READ)
    return OverlapRead.of(await use_cases.overlaps.overlap(tenant, body.segment_ids))
