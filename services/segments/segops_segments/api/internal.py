"""Routes for the other services, with the service token. Neither the gateway nor the OpenAPI document has them."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import OPEN_RUNS_PATH, OpenRuns, OpenRunsRequest
from segops_common.web.services_only import internal_router
from segops_segments.api.dependencies import UseCasesOfApp, use_cases_of

router: APIRouter = internal_router(lambda request: use_cases_of(request).service_tokens)


@router.post(OPEN_RUNS_PATH)
async def count_open_runs(use_cases: UseCasesOfApp, body: OpenRunsRequest) -> OpenRuns:
    """Return how many runs of a tenant have not ended."""
    return await use_cases.runs.open_runs(body.tenant_id)
