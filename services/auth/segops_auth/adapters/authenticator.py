"""Authenticates requests to auth itself, without a cache."""

from __future__ import annotations

from typing import Protocol

from segops_auth.service.accounts import Accounts
from segops_auth.service.api_keys import ApiKeys
from segops_common.security.claims import AccessToken
from segops_common.security.credentials import invalid_credential, split_authorization
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal


class AccessTokenVerifier(Protocol):
    """Verifies access tokens."""

    def verify(self, token: str) -> AccessToken:
        """Return what the token says. Raises Unauthenticated: invalid-token or token-expired."""
        ...


class LocalAuthenticator:
    """Verifies access tokens here; reads sessions, roles and keys from the store for each request."""

    def __init__(self, *, verifier: AccessTokenVerifier, accounts: Accounts, api_keys: ApiKeys) -> None:
        self._verifier = verifier
        self._accounts = accounts
        self._api_keys = api_keys

    async def authenticate(self, authorization: str | None) -> Principal:
        scheme, credential = split_authorization(authorization)
        if scheme == "bearer":
            return await self._user(self._verifier.verify(credential))
        introspected = await self._api_keys.introspect(credential)
        if introspected is None:
            raise invalid_credential(scheme)
        key = introspected.key
        return KeyPrincipal(
            key_id=key.id,
            tenant_id=key.tenant_id,
            scopes=key.scopes,
            kind=key.kind,
            allowed_origins=frozenset(key.allowed_origins),
            requires_signed_user_id=key.requires_signed_user_id,
            tenant_slug=introspected.tenant_slug,
        )

    async def _user(self, token: AccessToken) -> UserPrincipal:
        tenants = await self._accounts.joined_tenants(token.user_id, token.session_id)
        if tenants is None:
            raise invalid_credential("bearer")
        return UserPrincipal(
            user_id=token.user_id,
            roles={joined.tenant.id: joined.role for joined in tenants},
            known_slugs={joined.tenant.id: joined.tenant.slug for joined in tenants},
            session_id=token.session_id,
        )
