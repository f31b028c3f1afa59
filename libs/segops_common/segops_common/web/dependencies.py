"""Dependencies of handlers: the caller, and the requested page of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from segops_common.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE_NUMBER, PageQuery
from segops_common.core.problems import Fault, MalformedRequest, ValidationFailed
from segops_common.security.credentials import OTHER_KEY_HEADERS, key_in_other_header
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.security.tenant_choice import TenantChoice

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

session_auth = HTTPBearer(
    scheme_name="sessionAuth",
    bearerFormat="JWT",
    description="The token of a session that a publishable key began. It sends events for one user or visitor.",
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
        if isinstance(principal, KeyPrincipal):
            principal.require_key()
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


TENANT_DESCRIPTION: Final = (
    "The id of the tenant. Required for users who belong to several tenants, unless `tenant_slug` is given."
)
TENANT_SLUG_DESCRIPTION: Final = "The slug of the tenant, instead of its id."
MAX_SLUG_CHARS: Final = 63
MAX_CURSOR_CHARS: Final = 2_048
"""A cursor may hold the id of a user, of up to 256 characters."""
CURSOR_PATTERN: Final[dict[str, Any]] = {"pattern": "^[A-Za-z0-9_-]*$"}
"""Documented only: `decode_cursor` refuses other cursors and says what to send."""
_Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The largest number of items to return.")]
# These have no default in the document: clients that openapi-generator makes for Go send every default, and the
# parameters of both ways to read a list at once are refused.
_OptionalLimit = Annotated[
    int | None,
    Query(ge=1, le=MAX_LIMIT, description=f"The largest number of items to return. Default: {DEFAULT_LIMIT}."),
]
_PageNumber = Annotated[
    int | None,
    Query(
        ge=1,
        le=MAX_PAGE_NUMBER,
        description="The number of the page, for lists that do not change meanwhile. Not with `cursor` or `limit`. Default: 1.",
    ),
]
_PageSize = Annotated[
    int | None,
    Query(ge=1, le=MAX_LIMIT, description=f"The largest number of items on a numbered page. Default: {DEFAULT_LIMIT}."),
]
_Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_CHARS,
        json_schema_extra=CURSOR_PATTERN,
        description="`next_cursor` of the previous page. Leave it out for the first page.",
    ),
]


async def _tenant_choice(
    tenant: Annotated[int | None, Query(ge=1, le=2**63 - 1, description=TENANT_DESCRIPTION)] = None,
    tenant_slug: Annotated[
        str | None, Query(min_length=1, max_length=MAX_SLUG_CHARS, description=TENANT_SLUG_DESCRIPTION)
    ] = None,
) -> TenantChoice:
    """`?tenant=` or `?tenant_slug=`."""
    return TenantChoice(tenant=tenant, slug=tenant_slug, place="query.")


TenantParams = Annotated[TenantChoice, Depends(_tenant_choice)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery(PageQuery):
    """The requested page of a list, and the path and the other query parameters of the request."""

    path: str
    parameters: Sequence[tuple[str, str]] = ()

    def next_link(self, next_cursor: str | None) -> str | None:
        """Return the path of the next page, or None on the last page."""
        if next_cursor is None:
            return None
        return self._link("cursor", next_cursor) if self.page is None else self._link("page", str(self.page + 1))

    @property
    def previous_link(self) -> str | None:
        """The path of the previous page, or None: by cursor, and on the first page."""
        return None if self.page is None or self.page == 1 else self._link("page", str(self.page - 1))

    def _link(self, name: str, value: str) -> str:
        return f"{self.path}?{urlencode([*self.parameters, (name, value)])}"


async def _list_query(
    request: Request,
    limit: _OptionalLimit = None,
    cursor: _Cursor = None,
    page: _PageNumber = None,
    page_size: _PageSize = None,
) -> ListQuery:
    """`?limit=` and `?cursor=`, or `?page=` and `?page_size=`."""
    by_number = [name for name in ("page", "page_size") if name in request.query_params]
    if by_number and ("cursor" in request.query_params or "limit" in request.query_params):
        faults = [
            Fault(f"query.{name}", "not-allowed", "must be left out with `cursor` or `limit`") for name in by_number
        ]
        raise ValidationFailed(
            "A list must be read by `cursor` and `limit`, or by `page` and `page_size`, not by both.", errors=faults
        )
    path, others = _path_of(request), _other_parameters(request)
    if by_number:
        return ListQuery(limit=page_size or DEFAULT_LIMIT, page=page or 1, path=path, parameters=others)
    return ListQuery(limit=limit or DEFAULT_LIMIT, cursor=cursor, path=path, parameters=others)


def _path_of(request: Request) -> str:
    """Return the path of the request, percent-encoded. U+0000 stands for a slash within a segment."""
    return quote(request.scope["path"], safe="/:@!$&'()*+,;=").replace("%00", "%2F")


def _other_parameters(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "page")]


PageParams = Annotated[ListQuery, Depends(_list_query)]


async def _cursor_query(
    request: Request,
    limit: _Limit = DEFAULT_LIMIT,
    cursor: _Cursor = None,
) -> ListQuery:
    """`?limit=` and `?cursor=`."""
    return ListQuery(limit=limit, cursor=cursor, path=_path_of(request), parameters=_other_parameters(request))


CursorParams = Annotated[ListQuery, Depends(_cursor_query)]
"""The page of a list that is too long or too lively for numbered pages."""
