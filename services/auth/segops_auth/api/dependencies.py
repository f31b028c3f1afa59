"""Dependencies of routes: the use cases, the caller, and the address that a request comes from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from segops_auth.api.refresh_cookie import RefreshCookie
from segops_auth.api.schemas.fields import MAX_ID
from segops_auth.api.state import State
from segops_auth.domain.user_agent import short_user_agent
from segops_auth.domain.values import Place
from segops_auth.service import Auth
from segops_auth.service.attempts import DEVICE_LIFETIME, Client
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import UserPrincipal
from segops_common.security.tokens import Jwk
from segops_common.web.dependencies import require, signed_in
from segops_common.web.request.client_address import came_by_https, client_address, rate_limited_address

DEVICE_COOKIE: Final = "segops_device"
MAX_ACCOUNTS_OF_DEVICE: Final = 8
MAX_COOKIE_CHARS: Final = 4096
_DEVICE_VALUE: Final = re.compile(r"([0-9a-f]{16}):([\w.-]{1,200})(?:~|$)", re.ASCII)


def state_of(request: Request) -> State:
    """Return the resources of the running API."""
    state: State = request.app.state.running
    return state


async def _auth(request: Request) -> Auth:
    return state_of(request).auth


async def _running(request: Request) -> State:
    return state_of(request)


async def _public_keys(request: Request) -> Sequence[Jwk]:
    return state_of(request).public_keys()


async def _address(request: Request) -> str | None:
    return rate_limited_address(request)


async def _client(request: Request) -> Client:
    address = client_address(request)
    place = Place(
        user_agent=short_user_agent(request.headers.get("user-agent", "")),
        address=None if address is None else str(address),
    )
    return Client(address=rate_limited_address(request), place=place)


class DeviceCookie:
    """The cookie that makes a device known to the accounts that signed in on it. It gives no access.

    It holds a value for each of the newest MAX_ACCOUNTS_OF_DEVICE accounts, so that several people can use one device
    and the header stays short.
    """

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    def value_of(self, email: str) -> str | None:
        """Return the value that the client sent for this account."""
        return self._values().get(_account_tag(email))

    def remember(self, email: str, value: str) -> None:
        """Set the cookie. It is marked Secure if the client uses https."""
        values = {_account_tag(email): value} | {
            tag: other for tag, other in self._values().items() if tag != _account_tag(email)
        }
        newest = list(values.items())[:MAX_ACCOUNTS_OF_DEVICE]
        self._response.set_cookie(
            DEVICE_COOKIE,
            "~".join(f"{tag}:{value}" for tag, value in newest),
            max_age=int(DEVICE_LIFETIME.total_seconds()),
            path=f"{AUTH_PREFIX}/",
            secure=came_by_https(self._request),
            httponly=True,
            samesite="strict",
        )

    def _values(self) -> dict[str, str]:
        """Return the values by account, the newest first. What SegOps has not written is left out."""
        return dict(_DEVICE_VALUE.findall(self._request.cookies.get(DEVICE_COOKIE, "")[:MAX_COOKIE_CHARS]))


def _account_tag(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:16]


async def _device(request: Request, response: Response) -> DeviceCookie:
    return DeviceCookie(request, response)


async def _refresh_cookie(request: Request, response: Response) -> RefreshCookie:
    return RefreshCookie(request, response)


def _user_with(scope: Scope) -> Any:
    return require(scope, keys=False)


UseCases = Annotated[Auth, Depends(_auth)]
Running = Annotated[State, Depends(_running)]
PublicKeys = Annotated[Sequence[Jwk], Depends(_public_keys)]
AnyClient = Annotated[Client, Depends(_client)]
"""Where the request comes from. The device cookie is not in it, because its value depends on the account."""
Device = Annotated[DeviceCookie, Depends(_device)]
Cookie = Annotated[RefreshCookie, Depends(_refresh_cookie)]
ClientAddress = Annotated[str | None, Depends(_address)]
"""The network address to rate-limit, or None for no limit."""
# Any integer is accepted, so that an id that cannot exist gets the same 404 as the id of another tenant.
Id = Annotated[int, Path(ge=-MAX_ID - 1, le=MAX_ID)]

# Callers. The use cases check the role again, in the tenant in question.
AnyUser = Annotated[UserPrincipal, signed_in()]
UserManagingTenant = Annotated[UserPrincipal, _user_with(Scope.TENANT_MANAGE)]
UserManagingMembers = Annotated[UserPrincipal, _user_with(Scope.MEMBERS_MANAGE)]
UserManagingKeys = Annotated[UserPrincipal, _user_with(Scope.KEYS_MANAGE)]
UserReadingAuditLog = Annotated[UserPrincipal, _user_with(Scope.AUDIT_READ)]
