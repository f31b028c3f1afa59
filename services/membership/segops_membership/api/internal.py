"""For the other services, with the service token; never behind the gateway, and not in the public document."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import OBSERVED_PATH, ObservedEvents, ObservedRequest
from segops_common.core.problems import Unavailable
from segops_common.web.services_only import internal_router
from segops_membership.api.deps import UseCasesOfApp, use_cases_of
from segops_membership.ports import Outage

router: APIRouter = internal_router(lambda request: use_cases_of(request).service_token)


@router.post(OBSERVED_PATH)
async def look_at_events(use_cases: UseCasesOfApp, body: ObservedRequest) -> ObservedEvents:
    """What a tenant's events look like."""
    try:
        return await use_cases.observed.look(body.tenant_id, body.event_types)
    except Outage as error:
        raise Unavailable("The events cannot be read at the moment.", retry_after_s=1) from error
