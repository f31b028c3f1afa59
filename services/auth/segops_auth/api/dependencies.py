"""What handlers are given: the use cases, the caller, and where the request comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request

from segops_auth.api.schemas.fields import MAX_ID
from segops_auth.api.state import State
from segops_auth.service import Auth
from segops_common.security.permissions import Scope
from segops_common.security.principal import UserPrincipal
from segops_common.security.tokens import Jwk
from segops_common.web.dependencies import require, signed_in

IPV6_SITE_BITS: Final = 64


def state_of(request: Request) -> State:
    """What the running API holds."""
    state: State = request.app.state.running
    return state


async def _auth(request: Request) -> Auth:
    return state_of(request).auth


async def _public_keys(request: Request) -> Sequence[Jwk]:
    return state_of(request).public_keys


async def _address(request: Request) -> str | None:
    """The network address to hold an attempt against: of IPv6 the site, as a host has the whole site's addresses.

    None on a loopback address, which is this machine's own, or that of a proxy that hides the clients: a limit on it
    would lock out everybody at once.
    """
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    if address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_SITE_BITS), strict=False))
    return str(address)


UseCases = Annotated[Auth, Depends(_auth)]
PublicKeys = Annotated[Sequence[Jwk], Depends(_public_keys)]
ClientAddress = Annotated[str | None, Depends(_address)]
SignedInUser = Annotated[UserPrincipal, signed_in()]
# What does not exist and what is not the caller's are answered alike, so any integer may be asked for.
Id = Annotated[int, Path(ge=-MAX_ID - 1, le=MAX_ID)]
TenantQuery = Annotated[int, Query(ge=1, le=MAX_ID, description="The tenant.")]


def _person_with(scope: Scope) -> Any:
    return require(scope, keys=False)


UserManagingTenant = Annotated[UserPrincipal, _person_with(Scope.TENANT_MANAGE)]
UserManagingMembers = Annotated[UserPrincipal, _person_with(Scope.MEMBERS_MANAGE)]
UserManagingKeys = Annotated[UserPrincipal, _person_with(Scope.KEYS_MANAGE)]
UserReadingAuditLog = Annotated[UserPrincipal, _person_with(Scope.AUDIT_READ)]
