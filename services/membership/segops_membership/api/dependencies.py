"""What handlers depend on: use cases, callers, and the tenant of a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.dependencies import require
from segops_membership.service.use_cases import UseCases

MembershipReader = Annotated[Principal, require(Scope.MEMBERSHIP_READ)]
SegmentsReader = Annotated[Principal, require(Scope.SEGMENTS_READ)]
TenantQuery = Annotated[
    int | None,
    Query(
        ge=1,
        le=2**63 - 1,
        description="Required with an access token. An API key belongs to one tenant, so it may be left out.",
    ),
]


def use_cases_of(request: Request) -> UseCases:
    """Return the use cases of the app that handles the request."""
    use_cases: UseCases = request.app.state.running
    return use_cases


async def _use_cases(request: Request) -> UseCases:
    return use_cases_of(request)


async def _readable_tenant(caller: MembershipReader, tenant: TenantQuery = None) -> int:
    if tenant is None and isinstance(caller, KeyPrincipal):
        tenant = caller.tenant_id
    if tenant is None:
        fault = Fault("query.tenant", "missing", "required with an access token: pass `tenant`")
        raise ValidationFailed("The query must name a tenant.", errors=[fault])
    caller.require(tenant, Scope.MEMBERSHIP_READ)
    return tenant


UseCasesOfApp = Annotated[UseCases, Depends(_use_cases)]
TenantId = Annotated[int, Depends(_readable_tenant)]
"""The tenant of the request, whose membership the caller may read."""
