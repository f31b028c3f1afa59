"""Authenticating at auth itself: it asks nobody, and remembers nothing."""

from __future__ import annotations

from segops_auth.service.accounts import Accounts
from segops_auth.service.api_keys import ApiKeys
from segops_common.security.introspect import invalid_credential, split_authorization
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.security.tokens import TokenVerifier


class LocalAuthenticator:
    """Verifies tokens with the key that signs them; roles and keys are those of this moment."""

    def __init__(self, *, verifier: TokenVerifier, accounts: Accounts, api_keys: ApiKeys) -> None:
        self._verifier = verifier
        self._accounts = accounts
        self._api_keys = api_keys

    async def authenticate(self, authorization: str | None) -> Principal:
        scheme, credential = split_authorization(authorization)
        if scheme == "bearer":
            return await self._user(self._verifier.verify(credential).user_id)
        key = await self._api_keys.introspect(credential)
        if key is None:
            raise invalid_credential(scheme)
        return KeyPrincipal(
            key_id=key.id,
            tenant_id=key.tenant_id,
            scopes=key.scopes,
            kind=key.kind,
            allowed_origins=frozenset(key.allowed_origins),
        )

    async def _user(self, user_id: int) -> UserPrincipal:
        joined_tenants = await self._accounts.joined_tenants(user_id)
        if joined_tenants is None:
            raise invalid_credential("bearer")
        return UserPrincipal(user_id=user_id, roles={item.tenant.id: item.role for item in joined_tenants})
