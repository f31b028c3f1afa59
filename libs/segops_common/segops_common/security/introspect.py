"""Authenticating a request: the one seam that every service uses, and the implementation that asks auth.

`Authorization: Bearer <access token>` is a person: the token is verified here, roles are asked for.
`Authorization: ApiKey <key>` is a program: the checksum is verified here, the rest is asked for.
`Authorization: Service <token>` is another service, on /internal/ only: see `require_service_token`.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
from redis.asyncio import Redis

from segops_common.contracts.http import INTROSPECT_PATH, KeyIntrospection, Memberships, memberships_path
from segops_common.core.clock import Clock
from segops_common.core.problems import Unauthenticated, Unavailable
from segops_common.security.api_keys import fingerprint, looks_valid
from segops_common.security.cache_invalidation import PurgeListener
from segops_common.security.introspection_cache import AuthDown, Found, KnownAnswers, Outcome, Refused
from segops_common.security.key_set import KeySet
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal

MAX_HEADER_CHARS = 8192
CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 3.0
_log = logging.getLogger(__name__)


class Authenticator(Protocol):
    """Finds out who sends a request."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """The caller; raises Unauthenticated, or Unavailable when it cannot be found out now."""
        ...


class RemoteAuthenticator:
    """Asks auth and remembers its answers for 30 s, or until auth says on Redis that something has changed.

    While auth does not answer, what was known serves for five minutes more. Close it at the end; `async with` does.
    """

    def __init__(
        self,
        *,
        auth_url: str,
        service_token: str,
        redis: Redis | None,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Without `redis` a revocation bites after 30 s at the latest; `transport` replaces the network."""
        self._client = httpx.AsyncClient(
            base_url=auth_url,
            headers={"Authorization": f"Service {service_token}"},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            trust_env=False,
        )
        self._key_set = KeySet(client=self._client, clock=clock)
        self._known: KnownAnswers[Principal] = KnownAnswers(clock=clock)
        self._listener = PurgeListener(redis=redis, clock=clock, known=self._known) if redis is not None else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop to listen and close the connections; leaves `redis` to its owner."""
        if self._listener is not None:
            await self._listener.stop()
        await self._client.aclose()

    async def authenticate(self, authorization: str | None) -> Principal:
        scheme, credential = split_authorization(authorization)
        if self._listener is not None:
            self._listener.start()
        if scheme == "bearer":
            user_id = (await self._key_set.verify(credential)).user_id
            return await self._ask(f"user:{user_id}", lambda: self._fetch_user(user_id))
        if scheme == "apikey" and looks_valid(credential):
            return await self._ask(f"key:{fingerprint(credential)}", lambda: self._fetch_key(credential))
        raise invalid_credential(scheme)

    async def _ask(self, name: str, fetch: Callable[[], Coroutine[Any, Any, Outcome[Principal]]]) -> Principal:
        match await self._known.get(name, fetch):
            case Found(principal):
                return principal
            case Refused():
                raise invalid_credential("apikey" if name.startswith("key:") else "bearer")
            case AuthDown():
                raise Unavailable("Credentials cannot be checked at the moment.", slug="auth-unavailable")

    async def _fetch_user(self, user_id: int) -> Outcome[Principal]:
        answer = await self._send("GET", memberships_path(user_id))
        if answer is None:
            return AuthDown()
        if answer.status_code == httpx.codes.NOT_FOUND:
            return Refused()
        try:
            return Found(user_principal(user_id, Memberships.model_validate_json(answer.content)))
        except ValueError:
            return _nonsense(answer)

    async def _fetch_key(self, key: str) -> Outcome[Principal]:
        answer = await self._send("POST", INTROSPECT_PATH, {"key": key})
        if answer is None or answer.status_code != httpx.codes.OK:
            return AuthDown()
        try:
            principal = key_principal(KeyIntrospection.model_validate_json(answer.content))
        except ValueError:
            return _nonsense(answer)
        return Refused() if principal is None else Found(principal)

    async def _send(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response | None:
        """The answer of auth; None when it has none that can be used."""
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError:
            return None
        return answer if answer.status_code in (httpx.codes.OK, httpx.codes.NOT_FOUND) else None


def _nonsense(answer: httpx.Response) -> AuthDown:
    _log.error("what answers %s is not auth, or another version of it", answer.request.url.path)
    return AuthDown()


def user_principal(user_id: int, found: Memberships) -> UserPrincipal:
    """The person whom auth describes; a role that this version does not know gives nothing."""
    known = set(Role)
    roles = {item.tenant_id: Role(item.role) for item in found.memberships if item.role in known}
    return UserPrincipal(user_id=user_id, roles=roles)


def key_principal(found: KeyIntrospection) -> KeyPrincipal | None:
    """The key that auth describes, None when it is not active; a scope that this version does not know gives nothing."""
    if not found.active or found.key_id is None or found.tenant_id is None or found.kind is None:
        return None
    known = set(Scope)
    return KeyPrincipal(
        key_id=found.key_id,
        tenant_id=found.tenant_id,
        scopes=frozenset(Scope(scope) for scope in found.scopes if scope in known),
        kind=KeyKind(found.kind),
        allowed_origins=frozenset(found.allowed_origins),
    )


def split_authorization(authorization: str | None) -> tuple[str, str]:
    """Scheme in lower case and credential of the header; raises Unauthenticated without a usable one."""
    if not authorization or len(authorization) > MAX_HEADER_CHARS:
        raise Unauthenticated("Send a credential in the Authorization header.")
    scheme, _, credential = authorization.partition(" ")
    credential = credential.strip(" ")
    if scheme.lower() not in ("bearer", "apikey") or not credential:
        raise Unauthenticated("Send `Bearer <access token>` or `ApiKey <key>`.")
    return scheme.lower(), credential


def invalid_credential(scheme: str) -> Unauthenticated:
    """One answer for every credential of that scheme that is not good."""
    if scheme == "apikey":
        return Unauthenticated("The API key is not valid.", slug="invalid-api-key")
    return Unauthenticated("The access token is not valid.", slug="invalid-token")


def require_service_token(authorization: str | None, service_token: str) -> None:
    """Raises Unauthenticated unless the header is `Service <token>`; takes the same time for every wrong one."""
    expected = f"Service {service_token}".encode()
    if not hmac.compare_digest((authorization or "").encode(), expected):
        raise Unauthenticated("This is for services only.")
