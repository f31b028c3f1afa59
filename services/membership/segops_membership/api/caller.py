"""Which tenant a request is about: a key's own, a person's as they say."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.dependencies import require

Caller = Annotated[Principal, require(Scope.MEMBERSHIP_READ)]
TenantQuery = Annotated[
    int | None,
    Query(ge=1, le=2**63 - 1, description="Required with an access token; an API key belongs to one tenant already."),
]


async def _tenant_of(caller: Caller, tenant: TenantQuery = None) -> int:
    if tenant is None and isinstance(caller, KeyPrincipal):
        tenant = caller.tenant_id
    if tenant is None:
        fault = Fault("query.tenant", "missing", "a person says which tenant")
        raise ValidationFailed("The query names no tenant.", errors=[fault])
    caller.require(tenant, Scope.MEMBERSHIP_READ)
    return tenant


TenantId = Annotated[int, Depends(_tenant_of)]
