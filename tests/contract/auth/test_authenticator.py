"""The authenticator of auth itself, on memory adapters, passes the suite of every authenticator."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_auth.adapters.authenticator import LocalAuthenticator
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.tokens import TokenSigner
from tests.unit.auth.harness import memory_auth
from tests.unit.security.contract import ORIGINS, AuthenticatorContract, Credentials
from tests.unit.security.keys import new_private_key


class TestLocalAuthenticatorInMemory(AuthenticatorContract):
    @pytest.fixture
    async def credentials(self) -> Credentials:
        memory = memory_auth()
        ada = await memory.sign_up()
        grace = await memory.join(ada, Role.MEMBER)
        keys = memory.auth.api_keys
        key, secret = await keys.create(
            ada.tenant.id, ada.id, name="web", kind=KeyKind.SECRET, scopes=[Scope.EVENTS_READ], allowed_origins=()
        )
        _, publishable = await keys.create(
            ada.tenant.id, ada.id, name="page", kind=KeyKind.PUBLISHABLE, scopes=None, allowed_origins=ORIGINS
        )

        async def revoke(text: str) -> None:
            assert text == secret
            await keys.revoke(key.id, ada.id)

        return Credentials(
            authenticator=LocalAuthenticator(
                verifier=memory.tokens, accounts=memory.auth.accounts, api_keys=memory.auth.api_keys
            ),
            token=grace.tokens.access_token,
            user_id=grace.id,
            tenant_id=ada.tenant.id,
            tenant_slug=ada.tenant.slug,
            secret_key=secret,
            publishable_key=publishable,
            unknown_token=memory.secrets.new_token(),
            unknown_key=memory.secrets.new_api_key(KeyKind.SECRET, is_test=False),
            revoke=revoke,
        )


async def test_a_credential_with_the_wrong_scheme_is_refused_with_the_right_one() -> None:
    memory = memory_auth()
    authenticator = LocalAuthenticator(
        verifier=memory.tokens, accounts=memory.auth.accounts, api_keys=memory.auth.api_keys
    )
    secret = memory.secrets.new_api_key(KeyKind.SECRET, is_test=False)
    token = TokenSigner(
        private_key_pem=new_private_key(), clock=memory.clock, ids=SystemIds(memory.clock), lifetime_s=900
    ).sign(7, 3)
    for header, slug, advice in (
        (f"Bearer {secret}", "invalid-token", "This looks like an API key: send it as `Authorization: ApiKey …`."),
        (
            f"ApiKey {token}",
            "invalid-api-key",
            "This looks like an access token: send it as `Authorization: Bearer …`.",
        ),
    ):
        with pytest.raises(Unauthenticated) as refusal:
            await authenticator.authenticate(header)
        assert (refusal.value.slug, refusal.value.detail) == (slug, advice)


async def test_an_expired_access_token_is_refused() -> None:
    memory = memory_auth()
    ada = await memory.sign_up()
    authenticator = LocalAuthenticator(
        verifier=memory.tokens, accounts=memory.auth.accounts, api_keys=memory.auth.api_keys
    )
    memory.clock.advance(timedelta(minutes=15).total_seconds())
    with pytest.raises(Unauthenticated) as refusal:
        await authenticator.authenticate(f"Bearer {ada.tokens.access_token}")
    assert refusal.value.slug == "token-expired"
