"""Routes of analytics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from segops_common.contracts.http import ANALYTICS_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.dependencies import TenantParams
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import SegmentsReader, UseCasesOfApp
from segops_membership.api.explorer.dependencies import EventsReader, TenantOfEvents
from segops_membership.api.schemas.activations.figures import ActivationFiguresRead
from segops_membership.api.schemas.analytics import OverviewRead, PairOverlapRead, SegmentTrendRead, UsageRead

router: APIRouter = new_router(prefix=ANALYTICS_PREFIX, tags=["analytics"])


async def _tenant_of_segments(caller: SegmentsReader, choice: TenantParams) -> int:
    return choice.required(caller, Scope.SEGMENTS_READ)


TenantOfSegments = Annotated[int, Depends(_tenant_of_segments)]
"""The tenant of the request, whose segments the caller may read."""


@router.get("/overview/", summary="Read the numbers of a tenant", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_overview(use_cases: UseCasesOfApp, _caller: SegmentsReader, tenant_id: TenantOfSegments) -> OverviewRead:
    """Return the number of segments, of users in any segment, and of events in the last 30 days."""
    return OverviewRead.of(await use_cases.analytics.overview(tenant_id))


@router.get("/segments/", summary="Read the sizes of segments over time", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_segment_trends(
    use_cases: UseCasesOfApp, _caller: SegmentsReader, tenant_id: TenantOfSegments
) -> list[SegmentTrendRead]:
    """Return every segment with its size on each of the last 30 days. The response is an array, ascending by id."""
    return [SegmentTrendRead.of(segment) for segment in await use_cases.analytics.segments(tenant_id)]


@router.get("/overlap/", summary="Read the largest overlaps", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_largest_overlaps(
    use_cases: UseCasesOfApp, _caller: SegmentsReader, tenant_id: TenantOfSegments
) -> list[PairOverlapRead]:
    """Return the 20 pairs of segments with the most common members, descending. The response is an array.

    Only the 50 largest segments are compared. For others, use "Compare segments".
    """
    return [PairOverlapRead.of(*pair) for pair in await use_cases.analytics.overlaps(tenant_id)]


@router.get("/activations/", summary="Read how deliveries go", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_activation_figures(
    use_cases: UseCasesOfApp, _caller: SegmentsReader, tenant_id: TenantOfSegments
) -> list[ActivationFiguresRead]:
    """Return every activation with its segment and its last deliveries. The response is an array, ascending by id."""
    activations = await use_cases.activations.figures(tenant_id)
    segments = await use_cases.analytics.sizes(tenant_id) if activations else {}
    return [
        ActivationFiguresRead.of(activation, figures, *segments.get(activation.segment_id, (None, None)))
        for activation, figures in activations
    ]


@router.get("/usage/", summary="Read what a tenant sends and stores", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_usage(
    use_cases: UseCasesOfApp,
    _caller: EventsReader,
    tenant_id: TenantOfEvents,
    days: Annotated[int, Query(ge=1, le=366, description="The number of days, today included.")] = 30,
) -> UsageRead:
    """Return the events received on each day, in UTC, and the size of what is stored.

    A repetition of an event may count until the warehouse has merged it.
    """
    return UsageRead.of(await use_cases.analytics.usage(tenant_id, days))
