"""Dependencies of routes: the use cases, the caller, and the address that a request comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from segops_auth.api.schemas.fields import MAX_ID
from segops_auth.api.state import State
from segops_auth.service import Auth
from segops_common.security.permissions import Scope
from segops_common.security.principal import UserPrincipal
from segops_common.security.tokens import Jwk
from segops_common.web.dependencies import require, signed_in
from segops_common.web.request.client_address import rate_limited_address


def state_of(request: Request) -> State:
    """Return the resources of the running API."""
    state: State = request.app.state.running
    return state


async def _auth(request: Request) -> Auth:
    return state_of(request).auth


async def _public_keys(request: Request) -> Sequence[Jwk]:
    return state_of(request).public_keys


async def _address(request: Request) -> str | None:
    return rate_limited_address(request)


def _user_with(scope: Scope) -> Any:
    return require(scope, keys=False)


UseCases = Annotated[Auth, Depends(_auth)]
PublicKeys = Annotated[Sequence[Jwk], Depends(_public_keys)]
ClientAddress = Annotated[str | None, Depends(_address)]
"""The network address to rate-limit, or None for no limit."""
# Any integer is accepted, so that an id that cannot exist gets the same 404 as the id of another tenant.
Id = Annotated[int, Path(ge=-MAX_ID - 1, le=MAX_ID)]
TenantQuery = Annotated[int, Query(ge=1, le=MAX_ID, description="The id of the tenant.")]

# Callers. The use cases check the role again, in the tenant in question.
AnyUser = Annotated[UserPrincipal, signed_in()]
UserManagingTenant = Annotated[UserPrincipal, _user_with(Scope.TENANT_MANAGE)]
UserManagingMembers = Annotated[UserPrincipal, _user_with(Scope.MEMBERS_MANAGE)]
UserManagingKeys = Annotated[UserPrincipal, _user_with(Scope.KEYS_MANAGE)]
UserReadingAuditLog = Annotated[UserPrincipal, _user_with(Scope.AUDIT_READ)]
