"""The authenticator of tests behaves as the real ones do."""

from __future__ import annotations

import pytest

from segops_common.security.permissions import KeyKind, Role, Scope
from segops_testkit.auth import FakeAuthenticator
from tests.unit.security.contract import ORIGINS, AuthenticatorContract, Credentials


class TestFakeAuthenticator(AuthenticatorContract):
    @pytest.fixture
    def credentials(self) -> Credentials:
        fake = FakeAuthenticator()
        fake.add_user("token", 7, {1: Role.MEMBER})
        fake.add_key("secret", 1, [Scope.EVENTS_READ])
        fake.add_key("publishable", 1, [Scope.EVENTS_WRITE], kind=KeyKind.PUBLISHABLE, origins=ORIGINS)

        async def revoke(key: str) -> None:
            fake.remove(key)

        return Credentials(
            authenticator=fake,
            token="token",
            user_id=7,
            tenant_id=1,
            tenant_slug="tenant-1",
            secret_key="secret",
            publishable_key="publishable",
            unknown_token="other",
            unknown_key="other",
            revoke=revoke,
        )


async def test_a_second_user_with_the_same_token_replaces_the_first() -> None:
    fake = FakeAuthenticator()
    fake.add_user("token", 7, {1: Role.MEMBER})
    again = fake.add_user("token", 7, {})
    assert await fake.authenticate("Bearer token") == again


def test_keys_are_numbered() -> None:
    fake = FakeAuthenticator()
    assert [fake.add_key(key, 1, []).key_id for key in ("a", "b", "c")] == [1, 2, 3]
