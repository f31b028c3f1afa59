"""Dependencies of handlers: the caller, and the requested page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from segops_common.core.pagination import DEFAULT_LIMIT, MAX_LIMIT
from segops_common.core.problems import MalformedRequest
from segops_common.security.credentials import OTHER_KEY_HEADERS, key_in_other_header
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal

PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]

bearer_auth = HTTPBearer(
    scheme_name="bearerAuth", bearerFormat="JWT", description="A user's access token.", auto_error=False
)
api_key_auth = APIKeyHeader(
    name="Authorization",
    scheme_name="apiKeyAuth",
    description="`ApiKey <key>`: the API key of a program.",
    auto_error=False,
)


async def authenticated(request: Request) -> Principal:
    """Return the caller, authenticated once per request. Raises Unauthenticated, or Unavailable when auth is down."""
    caller: Principal | None = getattr(request.state, "principal", None)
    if caller is None:
        caller = request.state.principal = await authenticate(request)
    return caller


async def authenticate(request: Request) -> Principal:
    """Return the caller as auth knows them now. Raises Unauthenticated, or Unavailable when auth is down."""
    values = request.headers.getlist("authorization")
    if len(values) > 1:
        raise MalformedRequest("`Authorization` must be given once.")
    if not values and any(name in request.headers for name in OTHER_KEY_HEADERS):
        raise key_in_other_header()
    authenticator: Authenticator = request.app.state.authenticator
    return await authenticator.authenticate(values[0] if values else None)


class _Requirement:
    """Admits users, API keys or both, if they have the scope."""

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
    """Return a dependency for `caller: Annotated[Principal, require(Scope.X)]`.

    It answers 401 without a valid credential and 403 without the scope. A user's scopes depend on the tenant, so a
    handler still calls `caller.require(tenant_id, scope)`.
    """
    if users and keys:
        return Depends(_UserOrKey(scope, (UserPrincipal, KeyPrincipal)))
    return Depends(_User(scope, (UserPrincipal,)) if users else _Key(scope, (KeyPrincipal,)))


def signed_in() -> Any:
    """Return a dependency for `caller: Annotated[UserPrincipal, signed_in()]`: any user with a valid access token."""
    return Depends(_User(None, (UserPrincipal,)))


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The requested page of a list."""

    limit: int
    cursor: str | None


async def _page_query(
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="The largest number of items to return.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=512, description="`next_cursor` of the previous page. Leave it out for the first page."),
    ] = None,
) -> PageQuery:
    """`?limit=` and `?cursor=`."""
    return PageQuery(limit, cursor)


PageParams = Annotated[PageQuery, Depends(_page_query)]
