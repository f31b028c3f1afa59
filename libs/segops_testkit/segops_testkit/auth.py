"""An authenticator for tests, with the errors of the real one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from segops_common.security.credentials import invalid_credential, split_authorization
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal


class FakeAuthenticator:
    """Accepts the bearer tokens and API keys that a test adds."""

    def __init__(self) -> None:
        self._principals: dict[tuple[str, str], Principal] = {}

    def add_user(self, token: str, user_id: int, roles: Mapping[int, Role]) -> UserPrincipal:
        """Make `Bearer <token>` this user. A second call with the same token replaces the first.

        The slug of tenant 7 is `tenant-7`, for users and keys.
        """
        slugs = {tenant_id: f"tenant-{tenant_id}" for tenant_id in roles}
        user = UserPrincipal(user_id=user_id, roles=dict(roles), known_slugs=slugs)
        self._principals["bearer", token] = user
        return user

    def add_key(
        self,
        key: str,
        tenant_id: int,
        scopes: Iterable[Scope],
        *,
        kind: KeyKind = KeyKind.SECRET,
        origins: Iterable[str] = (),
    ) -> KeyPrincipal:
        """Make `ApiKey <key>` a key of that tenant. Key ids count from 1."""
        key_id = 1 + sum(scheme == "apikey" for scheme, _ in self._principals)
        principal = KeyPrincipal(
            key_id=key_id,
            tenant_id=tenant_id,
            scopes=frozenset(scopes),
            kind=kind,
            allowed_origins=frozenset(origins),
            tenant_slug=f"tenant-{tenant_id}",
        )
        self._principals["apikey", key] = principal
        return principal

    def remove(self, credential: str) -> None:
        """Revoke the token or key."""
        self._principals = {name: principal for name, principal in self._principals.items() if name[1] != credential}

    async def authenticate(self, authorization: str | None) -> Principal:
        scheme, credential = split_authorization(authorization)
        principal = self._principals.get((scheme, credential))
        if principal is None:
            raise invalid_credential(scheme)
        return principal
