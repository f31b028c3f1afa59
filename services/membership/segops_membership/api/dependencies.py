"""What handlers depend on: use cases, callers, and the tenant of a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.dependencies import TenantParams, require
from segops_membership.service.use_cases import UseCases

MembershipReader = Annotated[Principal, require(Scope.MEMBERSHIP_READ)]
SegmentsReader = Annotated[Principal, require(Scope.SEGMENTS_READ)]
# Ids that no segment has, such as 0, are valid here: they are answered with 404, like ids of other tenants.
SegmentId = Annotated[int, Path(ge=-(2**63), le=2**63 - 1)]


def use_cases_of(request: Request) -> UseCases:
    """Return the use cases of the app that handles the request."""
    use_cases: UseCases = request.app.state.running
    return use_cases


async def _use_cases(request: Request) -> UseCases:
    return use_cases_of(request)


async def _readable_tenant(caller: MembershipReader, choice: TenantParams) -> int:
    return choice.required(caller, Scope.MEMBERSHIP_READ)


UseCasesOfApp = Annotated[UseCases, Depends(_use_cases)]
TenantId = Annotated[int, Depends(_readable_tenant)]
"""The tenant of the request, whose membership the caller may read."""
