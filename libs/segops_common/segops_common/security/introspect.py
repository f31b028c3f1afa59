"""Authenticates requests: the port that every service uses, and the implementation that asks auth.

`Authorization: Bearer <access token>` is a user: the token is verified here, and auth knows the roles and the session.
`Authorization: ApiKey <key>` is a program: the checksum is verified here, and auth knows the key.
`Authorization: Bearer <session token>` is a page or an app: the token is verified here, and auth knows the key behind it.
`Authorization: Service <token>` is another service, on /internal/ only: see `require_service_token`.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
from redis.asyncio import Redis

from segops_common.contracts.http import (
    INTROSPECT_PATH,
    SESSION_KEY_PATH,
    KeyIntrospection,
    Memberships,
    memberships_path,
)
from segops_common.core.clock import Clock
from segops_common.core.problems import Unauthenticated, Unavailable
from segops_common.security.api_keys import fingerprint, looks_valid
from segops_common.security.cache_invalidation import InvalidationListener
from segops_common.security.claims import AccessToken, SessionToken, of_user
from segops_common.security.credentials import invalid_credential, split_authorization
from segops_common.security.introspection_cache import Active, AuthDown, Introspection, IntrospectionCache, Rejected
from segops_common.security.key_set import KeySet
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, Session, UserPrincipal

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 3.0
_log = logging.getLogger(__name__)


class Authenticator(Protocol):
    """Identifies the caller of a request."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return the caller. Raises Unauthenticated, or Unavailable when auth is needed and down."""
        ...


class RemoteAuthenticator:
    """Asks auth, and caches what it says for 30 s or until auth reports a change on Redis.

    While auth is down, cached results serve for five more minutes. Use it as a context manager, or close it.
    """

    def __init__(
        self,
        *,
        auth_url: str,
        service_token: str,
        redis: Redis | None,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        takes_sessions: bool = False,
    ) -> None:
        """Without `redis`, a revocation takes effect within 30 s. `transport` replaces the network."""
        self._takes_sessions = takes_sessions
        self._client = httpx.AsyncClient(
            base_url=auth_url,
            headers={"Authorization": f"Service {service_token}"},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            trust_env=False,
        )
        self._key_set = KeySet(client=self._client, clock=clock)
        self._cache: IntrospectionCache[Principal] = IntrospectionCache(clock=clock)
        self._listener = (
            InvalidationListener(redis=redis, clock=clock, cache=self._cache) if redis is not None else None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and close the connections. `redis` stays open."""
        if self._listener is not None:
            await self._listener.stop()
        await self._client.aclose()

    async def authenticate(self, authorization: str | None) -> Principal:
        scheme, credential = split_authorization(authorization)
        if self._listener is not None:
            self._listener.start()
        if scheme == "bearer":
            token = await self._key_set.read(credential)
            if self._takes_sessions and isinstance(token, SessionToken):
                return await self._session(token)
            return await self._user(of_user(token))
        if scheme == "apikey" and looks_valid(credential):
            request = {"key": credential}
            return await self._ask(f"key:{fingerprint(credential)}", lambda: self._fetch_key(INTROSPECT_PATH, request))
        raise invalid_credential(scheme)

    async def _user(self, token: AccessToken) -> Principal:
        return await self._ask(f"user:{token.user_id}:{token.session_id}", lambda: self._fetch_user(token))

    async def _session(self, token: SessionToken) -> Principal:
        """Return the key that began the session. The answer about it is cached once for all of its sessions."""
        request = {"key_hash": token.key_hash}
        try:
            key = await self._ask(f"session:{token.key_hash}", lambda: self._fetch_key(SESSION_KEY_PATH, request))
        except Unauthenticated as error:
            raise session_ended() from error
        return in_session(key, token)

    async def _ask(self, name: str, fetch: Callable[[], Coroutine[Any, Any, Introspection[Principal]]]) -> Principal:
        match await self._cache.get(name, fetch):
            case Active(principal):
                return principal
            case Rejected():
                raise invalid_credential("apikey" if name.startswith("key:") else "bearer")
            case AuthDown():
                raise Unavailable(
                    "The credential cannot be checked now. Retry after `Retry-After` seconds.", slug="auth-unavailable"
                )

    async def _fetch_user(self, token: AccessToken) -> Introspection[Principal]:
        response = await self._send("GET", memberships_path(token.user_id, token.session_id))
        if response is None:
            return AuthDown()
        if response.status_code == httpx.codes.NOT_FOUND:
            return Rejected()
        try:
            return Active(user_principal(token.user_id, Memberships.model_validate_json(response.content)))
        except ValueError:
            return _unreadable(response)

    async def _fetch_key(self, path: str, body: dict[str, str]) -> Introspection[Principal]:
        response = await self._send("POST", path, body)
        if response is None or response.status_code != httpx.codes.OK:
            return AuthDown()
        try:
            introspection = KeyIntrospection.model_validate_json(response.content)
            principal = key_principal(introspection)
        except ValueError:
            return _unreadable(response)
        return Rejected() if principal is None else Active(principal, introspection.expires_in_s)

    async def _send(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response | None:
        """Return the response of auth; None when there is none or an unexpected one."""
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.HTTPError:
            return None
        return response if response.status_code in (httpx.codes.OK, httpx.codes.NOT_FOUND) else None


def _unreadable(response: httpx.Response) -> AuthDown:
    _log.error(
        "the response to %s is not auth's, or of a different version: check SEGOPS_AUTH_URL", response.request.url.path
    )
    return AuthDown()


def user_principal(user_id: int, response: Memberships) -> UserPrincipal:
    """Return the user that auth describes, without the roles that this version does not know."""
    role_names = set(Role)
    roles = {item.tenant_id: Role(item.role) for item in response.memberships if item.role in role_names}
    slugs = {item.tenant_id: item.slug for item in response.memberships if item.slug is not None}
    return UserPrincipal(user_id=user_id, roles=roles, known_slugs=slugs)


def key_principal(response: KeyIntrospection) -> KeyPrincipal | None:
    """Return the key that auth describes, without the scopes that this version does not know; None when not active."""
    if not response.active or response.key_id is None or response.tenant_id is None or response.kind is None:
        return None
    scope_names = set(Scope)
    return KeyPrincipal(
        key_id=response.key_id,
        tenant_id=response.tenant_id,
        scopes=frozenset(Scope(scope) for scope in response.scopes if scope in scope_names),
        kind=KeyKind(response.kind),
        allowed_origins=frozenset(response.allowed_origins),
        requires_signed_user_id=response.requires_signed_user_id,
        tenant_slug=response.tenant_slug,
        joins_unsigned_ids=response.joins_unsigned_ids,
    )


def in_session(key: Principal, token: SessionToken) -> KeyPrincipal:
    """Return the key in the session. Raises Unauthenticated if the session began before the key required signed ids."""
    if not isinstance(key, KeyPrincipal) or (key.requires_signed_user_id and not token.was_checked):
        raise session_ended()
    return replace(key, session=Session(uid=token.uid, is_anonymous=token.is_anonymous, is_signed=token.was_checked))


def session_ended() -> Unauthenticated:
    """Return the refusal of a session whose key was revoked or changed."""
    return Unauthenticated("The session has ended with its API key: begin another one.", slug="invalid-token")


def require_service_token(authorization: str | None, service_tokens: Sequence[str]) -> None:
    """Raise Unauthenticated unless the header is `Service <token>` with one of the tokens.

    It takes the same time for every wrong header.
    """
    header = (authorization or "").encode()
    if not any([hmac.compare_digest(header, f"Service {token}".encode()) for token in service_tokens]):
        raise Unauthenticated("This route is for services only.")
