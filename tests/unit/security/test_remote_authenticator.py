"""What the remote authenticator asks auth, what it remembers, and what it does while auth is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated, Unavailable
from segops_common.security.api_keys import new_key
from segops_common.security.claims import SessionToken
from segops_common.security.introspect import RemoteAuthenticator, require_service_token
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, Session, UserPrincipal
from segops_common.security.tokens import TokenSigner
from segops_testkit.clock import ManualClock
from segops_testkit.polling import until
from tests.unit.security.fake_auth import SERVICE_TOKEN, FakeAuth
from tests.unit.security.keys import new_private_key

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)

PAGE_KEY = {
    "active": True,
    "key_id": 9,
    "tenant_id": 1,
    "kind": "publishable",
    "scopes": ["events:write"],
    "allowed_origins": ["https://www.example.com"],
}


class Service:
    """A service that authenticates against a fake auth."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.auth = FakeAuth()
        self.signer = self.new_signer()
        self.auth.jwks = [dict(self.signer.jwk)]
        self.auth.users[7] = [{"tenant_id": 1, "role": "member"}]
        self.key = self.new_key()
        self.authenticator = RemoteAuthenticator(
            auth_url="http://auth.test",
            service_token=SERVICE_TOKEN,
            redis=None,
            clock=self.clock,
            transport=self.auth.transport(),
            takes_sessions=True,
        )
        self.key_hash = "ab" * 32
        self.auth.session_keys[self.key_hash] = PAGE_KEY

    def new_signer(self) -> TokenSigner:
        return TokenSigner(
            private_key_pem=new_private_key(), clock=self.clock, ids=SystemIds(self.clock), lifetime_s=900
        )

    def new_key(self, **more: Any) -> str:
        key = new_key(KeyKind.SECRET, SystemIds(self.clock))
        self.auth.keys[key] = {
            "active": True,
            "key_id": len(self.auth.keys) + 1,
            "tenant_id": 1,
            "kind": "secret",
            "scopes": ["events:write"],
        } | more
        return key

    def session(self, **more: Any) -> str:
        """Return the token of a session."""
        claims: dict[str, Any] = {"uid": "ada", "is_anonymous": False, "was_checked": False, "key_hash": self.key_hash}
        expires_at_s = int(self.clock.now().timestamp()) + 900
        return self.signer.sign_session(SessionToken(**(claims | more), expires_at_s=expires_at_s))

    async def by_token(self, token: str | None = None) -> Principal:
        return await self.authenticator.authenticate(f"Bearer {token or self.signer.sign(7, 3)}")

    async def by_key(self, key: str | None = None) -> Principal:
        return await self.authenticator.authenticate(f"ApiKey {key or self.key}")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with service.authenticator:
        yield service


async def test_an_answer_is_remembered_for_thirty_seconds(service: Service) -> None:
    for _ in range(3):
        await service.by_key()
        await service.by_token()
    service.clock.advance(29)
    await service.by_key()
    assert service.auth.requests == {"key": 1, "user": 1, "jwks": 1}
    service.clock.advance(2)
    await service.by_key()
    await service.by_token()
    assert service.auth.requests == {"key": 2, "user": 2, "jwks": 1}


async def test_a_change_is_seen_after_thirty_seconds_without_redis(service: Service) -> None:
    await service.by_key()
    service.auth.keys.clear()
    service.clock.advance(31)
    with pytest.raises(Unauthenticated):
        await service.by_key()
    with pytest.raises(Unauthenticated):
        await service.by_key()
    assert service.auth.requests["key"] == 2, "a refusal is remembered too"


async def test_a_previous_secret_works_until_its_announced_end_and_no_longer(service: Service) -> None:
    key = service.new_key(expires_in_s=3.0)
    await service.by_key(key)
    service.clock.advance(2.9)
    await service.by_key(key)
    service.clock.advance(0.1)
    for is_down in (False, True):
        service.auth.down = is_down
        with pytest.raises(Unauthenticated) as refused:
            await service.by_key(key)
        assert refused.value.slug == "invalid-api-key"
    assert service.auth.requests["key"] == 1


async def test_an_end_is_kept_while_auth_is_away(service: Service) -> None:
    key = service.new_key(expires_in_s=100.0)
    await service.by_key(key)
    service.auth.down = True
    service.clock.advance(99)
    await service.by_key(key)
    service.clock.advance(1)
    with pytest.raises(Unauthenticated):
        await service.by_key(key)


async def test_a_token_ends_with_its_session_and_others_go_on(service: Service) -> None:
    ended, other = service.signer.sign(7, 3), service.signer.sign(7, 4)
    for token in (ended, other):
        await service.by_token(token)
    service.auth.ended_sessions.add("3")
    service.clock.advance(31)
    with pytest.raises(Unauthenticated) as refused:
        await service.by_token(ended)
    assert refused.value.slug == "invalid-token"
    await service.by_token(other)


async def test_a_removed_account_is_refused(service: Service) -> None:
    del service.auth.users[7]
    with pytest.raises(Unauthenticated) as refused:
        await service.by_token()
    assert refused.value.slug == "invalid-token"


async def test_a_typing_error_is_refused_without_asking(service: Service) -> None:
    wrong = service.key[:-1] + ("x" if service.key[-1] != "x" else "y")
    with pytest.raises(Unauthenticated):
        await service.by_key(wrong)
    assert not service.auth.requests


async def test_a_thousand_made_up_keys_do_not_push_out_a_good_one(service: Service) -> None:
    await service.by_key()
    ids = SystemIds(service.clock)
    for _ in range(1100):
        with pytest.raises(Unauthenticated):
            await service.by_key(new_key(KeyKind.SECRET, ids))
    service.auth.requests.clear()
    await service.by_key()
    assert not service.auth.requests


async def test_many_at_once_ask_once(service: Service) -> None:
    service.auth.gate.clear()
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(service.by_key()) for _ in range(50)]
        await until(lambda: service.auth.requests["key"] == 1)
        callers.pop().cancel()
        service.auth.gate.set()
    assert {caller.result().tenants(Scope.EVENTS_WRITE) for caller in callers} == {frozenset({1})}
    assert service.auth.requests["key"] == 1


async def test_while_auth_is_away_the_known_are_served_five_minutes_more(service: Service) -> None:
    token = service.signer.sign(7, 3)
    await service.by_key()
    await service.by_token(token)
    service.auth.down = True
    service.clock.advance(329)
    assert isinstance(await service.by_key(), KeyPrincipal)
    assert isinstance(await service.by_token(token), UserPrincipal)
    service.clock.advance(2)
    for caller in (service.by_key(), service.by_token(token)):
        with pytest.raises(Unavailable) as refused:
            await caller
        assert refused.value.headers["Retry-After"]


async def test_while_auth_is_away_the_unknown_are_neither_let_in_nor_called_wrong(service: Service) -> None:
    service.auth.down = True
    for caller in (service.by_key(), service.by_token()):
        with pytest.raises(Unavailable):
            await caller


async def test_keys_are_there_soon_after_auth_is(service: Service) -> None:
    service.auth.down = True
    with pytest.raises(Unavailable):
        await service.by_token()
    service.auth.down = False
    service.clock.advance(1)
    assert isinstance(await service.by_token(), UserPrincipal)


async def test_a_new_signing_key_is_fetched_and_unknown_ones_do_not_storm(service: Service) -> None:
    await service.by_token()
    stranger = service.new_signer()
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await service.by_token(stranger.sign(7, 3))
    assert service.auth.requests["jwks"] == 1
    service.clock.advance(11)
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await service.by_token(stranger.sign(7, 3))
    assert service.auth.requests["jwks"] == 2
    service.auth.jwks.append(dict(stranger.jwk))
    service.clock.advance(11)
    assert isinstance(await service.by_token(stranger.sign(7, 3)), UserPrincipal)
    assert isinstance(await service.by_token(), UserPrincipal), "the previous key still verifies"


async def test_a_removed_signing_key_is_forgotten_within_a_minute(service: Service) -> None:
    token = service.signer.sign(7, 3)
    await service.by_token(token)
    service.auth.jwks = [dict(service.new_signer().jwk)]
    service.clock.advance(60)
    # No request waits for the key set.
    await service.by_token(token)
    await until(lambda: service.auth.requests["jwks"] == 2)
    with pytest.raises(Unauthenticated):
        await service.by_token(token)


async def test_a_malformed_token_fetches_nothing(service: Service) -> None:
    for token in ("x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 5000):
        with pytest.raises(Unauthenticated):
            await service.by_token(token)
    assert not service.auth.requests


async def test_a_broken_key_set_changes_nothing(service: Service) -> None:
    await service.by_token()
    service.auth.jwks = [{"kty": "oct", "k": "AAAA"}]
    service.clock.advance(11)
    with pytest.raises(Unauthenticated):
        await service.by_token(service.new_signer().sign(7, 3))
    assert isinstance(await service.by_token(), UserPrincipal)


async def test_what_a_newer_auth_says_gives_nothing(service: Service) -> None:
    service.auth.users[7] = [{"tenant_id": 1, "role": "emperor"}, {"tenant_id": 2, "role": "viewer", "since": 1}]
    assert await service.by_token() == UserPrincipal(user_id=7, roles={2: Role.VIEWER})
    key = await service.by_key(service.new_key(scopes=["events:write", "moon:land"], more=1))
    assert isinstance(key, KeyPrincipal)
    assert key.scopes == {Scope.EVENTS_WRITE}


async def test_an_answer_that_makes_no_sense_is_none(service: Service) -> None:
    service.auth.users[7] = [{"tenant_id": "one"}]
    for caller in (service.by_token(), service.by_key(service.new_key(kind="golden"))):
        with pytest.raises(Unavailable):
            await caller


@pytest.mark.parametrize(
    "header", [None, "", "Service", "Service x", "Bearer secret", "service secret", "Service secreté"]
)
def test_only_the_service_token_opens_internal_routes(header: str | None) -> None:
    require_service_token("Service secret", ("secret",))
    with pytest.raises(Unauthenticated):
        require_service_token(header, ("secret", "other"))


def test_two_service_tokens_are_valid_at_once() -> None:
    for token in ("secret", "other"):
        require_service_token(f"Service {token}", ("secret", "other"))
    with pytest.raises(Unauthenticated):
        require_service_token("Service other", ("secret",))


async def test_a_session_is_its_key_and_its_id(service: Service) -> None:
    assert await service.by_token(service.session()) == KeyPrincipal(
        key_id=9,
        tenant_id=1,
        scopes=frozenset({Scope.EVENTS_WRITE}),
        kind=KeyKind.PUBLISHABLE,
        allowed_origins=frozenset({"https://www.example.com"}),
        session=Session(uid="ada", is_anonymous=False),
    )


async def test_all_sessions_of_a_key_share_one_answer(service: Service) -> None:
    uids = []
    for name in ("ada", "bob", "ada"):
        caller = await service.by_token(service.session(uid=name, is_anonymous=name == "bob"))
        assert isinstance(caller, KeyPrincipal)
        uids.append(caller.session)
    assert uids == [
        Session(uid="ada", is_anonymous=False),
        Session(uid="bob", is_anonymous=True),
        Session(uid="ada", is_anonymous=False),
    ]
    assert service.auth.requests == {"session key": 1, "jwks": 1}


async def test_a_session_ends_with_its_key(service: Service) -> None:
    token = service.session()
    await service.by_token(token)
    service.auth.session_keys.clear()
    service.clock.advance(31)
    with pytest.raises(Unauthenticated) as refused:
        await service.by_token(token)
    assert (refused.value.slug, "begin another" in refused.value.detail) == ("invalid-token", True)


async def test_a_session_from_before_the_key_required_signatures_has_ended(service: Service) -> None:
    service.auth.session_keys[service.key_hash] = PAGE_KEY | {"requires_signed_user_id": True}
    with pytest.raises(Unauthenticated) as refused:
        await service.by_token(service.session())
    assert refused.value.slug == "invalid-token"
    caller = await service.by_token(service.session(was_checked=True))
    assert isinstance(caller, KeyPrincipal)
    assert caller.requires_signed_user_id


async def test_while_auth_is_down_a_session_that_was_seen_goes_on_and_an_unknown_one_waits(service: Service) -> None:
    await service.by_token(service.session())
    service.auth.down = True
    service.clock.advance(31)
    await service.by_token(service.session(uid="bob"))
    with pytest.raises(Unavailable):
        await service.by_token(service.session(key_hash="cd" * 32))


async def test_a_service_that_takes_no_sessions_refuses_their_tokens(service: Service) -> None:
    other = RemoteAuthenticator(
        auth_url="http://auth.test",
        service_token=SERVICE_TOKEN,
        redis=None,
        clock=service.clock,
        transport=service.auth.transport(),
    )
    async with other:
        await other.authenticate(f"Bearer {service.signer.sign(7, 3)}")
        with pytest.raises(Unauthenticated) as refused:
            await other.authenticate(f"Bearer {service.session()}")
    assert (refused.value.slug, service.auth.requests["session key"]) == ("invalid-token", 0)
