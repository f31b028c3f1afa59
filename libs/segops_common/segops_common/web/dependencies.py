"""Dependencies of handlers: who calls, and which part of a list they want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from segops_common.core.pagination import DEFAULT_LIMIT, MAX_LIMIT
from segops_common.core.problems import MalformedRequest
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal

PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]

bearer_auth = HTTPBearer(
    scheme_name="bearerAuth", bearerFormat="JWT", description="A person's access token.", auto_error=False
)
api_key_auth = APIKeyHeader(
    name="Authorization", scheme_name="apiKeyAuth", description="`ApiKey <key>`: a program's key.", auto_error=False
)


async def authenticated(request: Request) -> Principal:
    """Who calls, found out once a request; raises Unauthenticated, or Unavailable when it cannot be found out."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        given = request.headers.getlist("authorization")
        if len(given) > 1:
            raise MalformedRequest("Send one Authorization header.")
        authenticator: Authenticator = request.app.state.authenticator
        known = request.state.principal = await authenticator.authenticate(given[0] if given else None)
    return known


class _Requirement:
    """Which callers a route takes: people, programs or both, and the scope they need."""

    def __init__(self, scope: Scope | None, kinds: tuple[type[Principal], ...]) -> None:
        self._scope = scope
        self._kinds = kinds
        self.documented: dict[str, Any] = {} if scope is None else {"x-required-scope": scope.value}

    async def admit(self, request: Request) -> Principal:
        principal = await authenticated(request)
        if len(self._kinds) == 1:
            principal.require_kind(self._kinds[0])
        if self._scope is not None:
            principal.require_scope(self._scope)
        return principal


class _UserOrKey(_Requirement):
    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[Any, Security(bearer_auth)],
        _key: Annotated[Any, Security(api_key_auth)],
    ) -> Principal:
        return await self.admit(request)


class _User(_Requirement):
    async def __call__(self, request: Request, _bearer: Annotated[Any, Security(bearer_auth)]) -> Principal:
        return await self.admit(request)


class _Key(_Requirement):
    async def __call__(self, request: Request, _key: Annotated[Any, Security(api_key_auth)]) -> Principal:
        return await self.admit(request)


def require(scope: Scope, *, users: bool = True, keys: bool = True) -> Any:
    """`caller: Annotated[Principal, require(Scope.X)]`: 401 without a valid credential, 403 without the scope.

    A user's scopes depend on the tenant, so a handler still calls `caller.require(tenant_id, scope)`.
    """
    if users and keys:
        return Depends(_UserOrKey(scope, (UserPrincipal, KeyPrincipal)))
    return Depends(_User(scope, (UserPrincipal,)) if users else _Key(scope, (KeyPrincipal,)))


def signed_in() -> Any:
    """`caller: Annotated[UserPrincipal, signed_in()]`: any person with a valid access token, whatever their tenants."""
    return Depends(_User(None, (UserPrincipal,)))


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page of a list."""

    limit: int
    cursor: str | None


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many items.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=512, description="`next_cursor` of the page before; absent for the first.")
    ] = None,
) -> PageQuery:
    """`?limit=` and `?cursor=`."""
    return PageQuery(limit, cursor)


PageParams = Annotated[PageQuery, Depends(_page_query)]
