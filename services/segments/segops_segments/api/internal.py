"""Routes for the other services, with the service token. Neither the gateway nor the OpenAPI document has them."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import (
    OPEN_RUNS_PATH,
    SCHEMA_CHANGES_PATH,
    SEGMENT_PATH,
    OpenRuns,
    OpenRunsRequest,
    SchemaChanges,
    SchemaChangesRequest,
    SegmentRequest,
)
from segops_common.contracts.jobs import SegmentChanged
from segops_common.web.services_only import internal_router
from segops_segments.api.dependencies import UseCasesOfApp, use_cases_of
from segops_segments.api.event_schemas.bodies import changes_of

router: APIRouter = internal_router(lambda request: use_cases_of(request).service_tokens)


@router.post(OPEN_RUNS_PATH)
async def count_open_runs(use_cases: UseCasesOfApp, body: OpenRunsRequest) -> OpenRuns:
    """Return how many runs of a tenant have not ended."""
    return await use_cases.runs.open_runs(body.tenant_id)


@router.post(SEGMENT_PATH)
async def find_segment(use_cases: UseCasesOfApp, body: SegmentRequest) -> SegmentChanged:
    """Return the present state of a segment. Raises NotFound."""
    return (await use_cases.segments.get(body.tenant_ids, body.segment_id)).to_message()


@router.post(SCHEMA_CHANGES_PATH)
async def list_schema_changes(use_cases: UseCasesOfApp, body: SchemaChangesRequest) -> SchemaChanges:
    """Return tenants whose event schemas have changed after a number, and the number of the latest change."""
    tenants, last = await use_cases.schemas.changes(body.after)
    return changes_of(tenants, last)
