"""The suite that every authenticator passes, whoever it asks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from segops_common.core.problems import Unauthenticated
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, UserPrincipal

ORIGINS = ["https://www.example.com", "http://localhost:3000"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An authenticator with what it accepts and refuses: a member's token, keys of that member's tenant, unknown ones."""

    authenticator: Authenticator
    token: str
    user_id: int
    tenant_id: int
    tenant_slug: str
    secret_key: str
    """May read events, and nothing else."""
    publishable_key: str
    """For pages of `https://www.example.com` and `http://localhost:3000`."""
    unknown_token: str
    """Well formed."""
    unknown_key: str
    """Well formed."""
    revoke: Callable[[str], Coroutine[Any, Any, None]]
    """Makes a key unknown, and returns when that must have been noticed."""


class AuthenticatorContract:
    """Subclasses bring the fixture `credentials`, fresh for each test."""

    async def test_a_person_has_their_roles(self, credentials: Credentials) -> None:
        caller = await credentials.authenticator.authenticate(f"Bearer {credentials.token}")
        assert caller == UserPrincipal(
            user_id=credentials.user_id,
            roles={credentials.tenant_id: Role.MEMBER},
            known_slugs={credentials.tenant_id: credentials.tenant_slug},
        )

    async def test_a_key_has_its_tenant_and_scopes(self, credentials: Credentials) -> None:
        caller = await credentials.authenticator.authenticate(f"ApiKey {credentials.secret_key}")
        assert isinstance(caller, KeyPrincipal)
        assert (caller.tenant_id, caller.kind) == (credentials.tenant_id, KeyKind.SECRET)
        assert caller.scopes == {Scope.EVENTS_READ}
        assert caller.allowed_origins == frozenset()
        assert caller.slugs == {credentials.tenant_id: credentials.tenant_slug}

    async def test_a_publishable_key_says_so(self, credentials: Credentials) -> None:
        caller = await credentials.authenticator.authenticate(f"ApiKey {credentials.publishable_key}")
        assert isinstance(caller, KeyPrincipal)
        assert caller.kind is KeyKind.PUBLISHABLE
        assert caller.scopes == {Scope.EVENTS_WRITE}
        assert caller.allowed_origins == set(ORIGINS)

    async def test_the_scheme_is_known_in_any_case(self, credentials: Credentials) -> None:
        await credentials.authenticator.authenticate(f"bearer {credentials.token}")
        await credentials.authenticator.authenticate(f"APIKEY   {credentials.secret_key}")

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer ", "ApiKey", "Basic dXNlcjpwYXNz", "Service x", "x" * 9000]
    )
    async def test_no_usable_header_is_no_credential(self, credentials: Credentials, header: str | None) -> None:
        with pytest.raises(Unauthenticated) as refused:
            await credentials.authenticator.authenticate(header)
        assert refused.value.slug == "unauthenticated"

    async def test_an_unknown_credential_is_refused(self, credentials: Credentials) -> None:
        for header, slug in (
            (f"Bearer {credentials.unknown_token}", "invalid-token"),
            (f"ApiKey {credentials.unknown_key}", "invalid-api-key"),
            (f"Bearer {credentials.secret_key}", "invalid-token"),
            (f"ApiKey {credentials.token}", "invalid-api-key"),
            (f"Bearer {credentials.token} x", "invalid-token"),
            (f"ApiKey {credentials.secret_key},{credentials.publishable_key}", "invalid-api-key"),
        ):
            with pytest.raises(Unauthenticated) as refused:
                await credentials.authenticator.authenticate(header)
            assert refused.value.slug == slug, header

    async def test_what_was_good_before_is_refused_once_revoked(self, credentials: Credentials) -> None:
        await credentials.authenticator.authenticate(f"ApiKey {credentials.secret_key}")
        await credentials.revoke(credentials.secret_key)
        with pytest.raises(Unauthenticated) as refused:
            await credentials.authenticator.authenticate(f"ApiKey {credentials.secret_key}")
        assert refused.value.slug == "invalid-api-key"
        await credentials.authenticator.authenticate(f"ApiKey {credentials.publishable_key}")
