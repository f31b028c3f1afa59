"""The authenticators of the services and of auth itself, against the real auth."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from redis.asyncio import Redis

from segops_common.contracts.http import AUTH_INVALIDATION_CHANNEL
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated
from segops_common.security.api_keys import new_key
from segops_common.security.introspect import Authenticator, RemoteAuthenticator
from segops_common.security.permissions import KeyKind, Role
from segops_common.security.principal import KeyPrincipal, UserPrincipal
from segops_common.security.tokens import TokenSigner
from segops_common.stores.redis import create_redis
from tests.integration.auth.harness import PASSWORD, SERVICE_TOKEN, AuthHarness, SignedInUser, body_of, problem_of
from tests.unit.security.contract import ORIGINS, AuthenticatorContract, Credentials
from tests.unit.security.keys import new_private_key

# Users are promised one second. These tests use a manual clock, so a cached answer never expires, however slow the
# machine is: only an invalidation removes it.
SOON_S = 20.0


def remote_of(auth: AuthHarness, redis: Redis | None) -> RemoteAuthenticator:
    return RemoteAuthenticator(
        auth_url="http://auth.test",
        service_token=SERVICE_TOKEN,
        redis=redis,
        clock=auth.clock,
        transport=httpx.ASGITransport(app=auth.app),
    )


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = create_redis(redis_url, timeout_s=2)
    yield client
    await client.aclose()


async def listening(auth: AuthHarness, redis: Redis) -> None:
    """Return when a service listens to cache invalidation."""

    async def is_heard() -> bool:
        # The listener tries again later if its first attempt failed.
        auth.clock.advance(0.01)
        return bool(dict(await redis.pubsub_numsub(AUTH_INVALIDATION_CHANNEL)).get(AUTH_INVALIDATION_CHANNEL.encode()))

    await soon(is_heard, within_s=30.0)


async def soon(condition: Callable[[], Awaitable[bool]], *, within_s: float = SOON_S) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        for pause_s in itertools.repeat(0.01):
            if await condition():
                return
            await asyncio.sleep(pause_s)


@pytest.fixture
async def remote(auth: AuthHarness, redis: Redis) -> AsyncIterator[RemoteAuthenticator]:
    """An authenticator that listens already: from now on its cache forgets only what auth invalidates."""
    async with remote_of(auth, redis) as authenticator:
        assert await refuses(authenticator, "ApiKey " + new_key(KeyKind.SECRET, SystemIds(SystemClock())))
        await listening(auth, redis)
        # A listener doubts everything when its subscription begins. An invalidation that arrives shows that it has.
        ada = await auth.sign_up()
        key = await ada.new_key()
        header = f"ApiKey {key['key']}"
        await authenticator.authenticate(header)
        body_of(await ada.request("DELETE", f"api-keys/{key['id']}/"), 204)
        await soon(lambda: refuses(authenticator, header))
        yield authenticator


async def refuses(authenticator: Authenticator, header: str) -> bool:
    try:
        await authenticator.authenticate(header)
    except Unauthenticated:
        return True
    return False


class RealAuthContract(AuthenticatorContract):
    """Subclasses bring the fixture `authenticator`."""

    @pytest.fixture
    async def credentials(self, auth: AuthHarness, authenticator: Authenticator) -> Credentials:
        ada = await auth.sign_up()
        bob = await auth.join(ada, "member")
        secret = await ada.new_key(scopes=["events:read"])
        publishable = await ada.new_key(kind="publishable", allowed_origins=ORIGINS)
        ids = SystemIds(SystemClock())

        async def revoke(key: str) -> None:
            assert key == secret["key"]
            body_of(await ada.request("DELETE", f"api-keys/{secret['id']}/"), 204)
            await soon(lambda: refuses(authenticator, f"ApiKey {key}"))

        stranger = TokenSigner(private_key_pem=new_private_key(), clock=auth.clock, ids=ids, lifetime_s=900)
        return Credentials(
            authenticator=authenticator,
            token=bob.tokens["access_token"],
            user_id=bob.id,
            tenant_id=ada.tenant,
            tenant_slug=ada.slug,
            secret_key=secret["key"],
            publishable_key=publishable["key"],
            unknown_token=stranger.sign(bob.id, 1),
            unknown_key=new_key(KeyKind.SECRET, ids),
            revoke=revoke,
        )


class TestRemoteAuthenticator(RealAuthContract):
    @pytest.fixture
    def authenticator(self, remote: RemoteAuthenticator) -> Authenticator:
        return remote


class TestLocalAuthenticator(RealAuthContract):
    @pytest.fixture
    def authenticator(self, auth: AuthHarness) -> Authenticator:
        authenticator: Authenticator = auth.app.state.authenticator
        return authenticator


async def role_of(authenticator: Authenticator, person: SignedInUser) -> Role | None:
    caller = await authenticator.authenticate(f"Bearer {person.tokens['access_token']}")
    assert isinstance(caller, UserPrincipal)
    return caller.roles.get(person.tenant)


async def test_changes_of_members_are_seen_within_a_second(auth: AuthHarness, remote: RemoteAuthenticator) -> None:
    ada = await auth.sign_up()
    bob = await auth.join(ada, "viewer")
    assert await role_of(remote, bob) is Role.VIEWER
    path = f"tenants/{ada.tenant}/members/{bob.id}/"

    async def is_admin() -> bool:
        return await role_of(remote, bob) is Role.ADMIN

    async def is_out() -> bool:
        return await role_of(remote, bob) is None

    body_of(await ada.request("PATCH", path, {"role": "admin"}), 200)
    await soon(is_admin)
    body_of(await ada.request("DELETE", path), 204)
    await soon(is_out)


async def test_another_slug_is_seen_within_a_second(auth: AuthHarness, remote: RemoteAuthenticator) -> None:
    ada = await auth.sign_up()
    headers = (f"Bearer {ada.tokens['access_token']}", f"ApiKey {(await ada.new_key())['key']}")
    slug = f"{ada.slug}-2"

    async def slugs() -> list[str | None]:
        return [(await remote.authenticate(header)).slugs[ada.tenant] for header in headers]

    async def is_new() -> bool:
        return await slugs() == [slug, slug]

    assert await slugs() == [ada.slug, ada.slug]
    body_of(await ada.request("PATCH", f"tenants/{ada.tenant}/", {"slug": slug}), 200)
    await soon(is_new)


async def test_a_rotated_key_without_overlap_is_refused_within_a_second(
    auth: AuthHarness, remote: RemoteAuthenticator
) -> None:
    ada = await auth.sign_up()
    key = await ada.new_key()
    header = f"ApiKey {key['key']}"
    await remote.authenticate(header)
    rotated = body_of(await ada.request("POST", f"api-keys/{key['id']}/rotate/", {"overlap_seconds": 0}), 200)
    await soon(lambda: refuses(remote, header))
    await remote.authenticate(f"ApiKey {rotated['key']}")


async def test_a_previous_secret_ends_when_it_was_announced(auth: AuthHarness, remote: RemoteAuthenticator) -> None:
    ada = await auth.sign_up()
    key = await ada.new_key()
    header = f"ApiKey {key['key']}"
    body_of(await ada.request("POST", f"api-keys/{key['id']}/rotate/", {"overlap_seconds": 10}), 200)
    assert not await refuses(remote, header)
    auth.clock.advance(10)
    assert await refuses(remote, header)


@pytest.mark.parametrize("path", ["password/change/", "token/revoke-all/", "token/revoke/"])
async def test_access_tokens_end_with_their_session_within_a_second(
    auth: AuthHarness, remote: RemoteAuthenticator, path: str
) -> None:
    ada = await auth.sign_up()
    header = f"Bearer {ada.tokens['access_token']}"
    await remote.authenticate(header)
    bodies = {
        "password/change/": {"password": PASSWORD, "new_password": "a-staple-is-better"},
        "token/revoke/": {"refresh_token": ada.tokens["refresh_token"]},
    }
    answer = await ada.request("POST", path, bodies.get(path))
    assert answer.status_code in (200, 204)
    await soon(lambda: refuses(remote, header))
    for act, body in (("api-keys/", {"tenant": ada.tenant, "name": "late"}), (f"tenants/{ada.tenant}/invites/", {})):
        problem_of(await ada.request("POST", act, body), 401, "invalid-token")


async def test_another_list_of_origins_counts_within_a_second(auth: AuthHarness, remote: RemoteAuthenticator) -> None:
    ada = await auth.sign_up()
    key = await ada.new_key(kind="publishable", allowed_origins=ORIGINS)

    async def origins() -> frozenset[str]:
        caller = await remote.authenticate(f"ApiKey {key['key']}")
        assert isinstance(caller, KeyPrincipal)
        return caller.allowed_origins

    async def is_changed() -> bool:
        return await origins() == {"https://other.example.com"}

    assert await origins() == set(ORIGINS)
    body_of(
        await ada.request("PATCH", f"api-keys/{key['id']}/", {"allowed_origins": ["https://other.example.com"]}), 200
    )
    await soon(is_changed)


async def test_without_redis_a_revocation_counts_after_thirty_seconds(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = await ada.new_key()
    async with remote_of(auth, None) as alone:
        await alone.authenticate(f"ApiKey {key['key']}")
        body_of(await ada.request("DELETE", f"api-keys/{key['id']}/"), 204)
        assert not await refuses(alone, f"ApiKey {key['key']}"), "this shows that it remembers"
        auth.clock.advance(30)
        assert await refuses(alone, f"ApiKey {key['key']}")


async def test_what_is_missed_while_not_listening_is_doubted_on_return(
    auth: AuthHarness, remote: RemoteAuthenticator, redis: Redis
) -> None:
    ada = await auth.sign_up()
    key = await ada.new_key()
    header = f"ApiKey {key['key']}"
    await remote.authenticate(header)
    for client in await redis.client_list(_type="pubsub"):
        await redis.client_kill_filter(_id=client["id"])
    body_of(await ada.request("DELETE", f"api-keys/{key['id']}/"), 204)

    async def refused_after_the_clock_moved() -> bool:
        # The listener waits before it listens again, for far less than the lifetime of a cached answer.
        auth.clock.advance(0.1)
        return await refuses(remote, header)

    await soon(refused_after_the_clock_moved, within_s=2.5)
