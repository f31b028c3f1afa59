"""The route that says how the platform does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from segops_common.contracts.http import STATUS_PATH
from segops_common.security.permissions import Scope
from segops_common.security.principal import UserPrincipal
from segops_common.web.app import new_router
from segops_common.web.dependencies import TenantParams, require
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.schemas.status import StatusRead

router: APIRouter = new_router(tags=["status"])

Owner = Annotated[UserPrincipal, require(Scope.TENANT_MANAGE, keys=False)]


@router.get(STATUS_PATH, summary="Read the status of the platform", responses=problems(401, 403, 422, 503))
@charged("analyses")
async def read_status(use_cases: UseCasesOfApp, caller: Owner, choice: TenantParams) -> StatusRead:
    """Return which processes are ready, which versions their tables have, how far storage is behind, how long events take to be stored, and which runs have not ended.

    For owners of a tenant. What is about events and runs is about this tenant.
    """
    tenant_id = choice.required(caller, Scope.TENANT_MANAGE)
    return StatusRead.of(await use_cases.status.read(tenant_id))
