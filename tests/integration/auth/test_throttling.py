"""Wrong passwords are counted, in Redis and without it; right ones are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from segops_auth.api.dependencies import MAX_ACCOUNTS_OF_DEVICE
from segops_auth.settings import Settings
from segops_common.core.clock import SystemClock
from segops_testkit.clock import ManualClock
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, opened, problem_of, unique

EMAIL_LIMIT, ADDRESS_LIMIT = 4, 6
# Port 1 is reserved, so nothing listens there.
NO_REDIS = "redis://127.0.0.1:1/0"


def limited(settings: Settings) -> Settings:
    return settings.model_copy(update={"logins_per_email": EMAIL_LIMIT, "logins_per_address": ADDRESS_LIMIT})


def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture(params=["redis", "no redis"])
async def strict(request: pytest.FixtureRequest, auth_settings: Settings) -> AsyncIterator[AuthHarness]:
    """An auth with low limits, called from this machine."""
    settings = limited(auth_settings)
    if request.param == "no redis":
        settings = settings.model_copy(update={"redis_url": NO_REDIS})
    time = clock()
    async with opened(settings, time) as auth:
        yield auth


async def wrong(auth: AuthHarness, email: str) -> int:
    return (await auth.post("token/", {"email": email, "password": "wrong-password"})).status_code


async def test_too_many_wrong_passwords_close_the_account_for_a_while(strict: AuthHarness) -> None:
    ada, bob = await strict.sign_up(), await strict.sign_up("bob")
    strict.client.cookies.clear()
    assert [await wrong(strict, ada.email) for _ in range(EMAIL_LIMIT)] == [401] * EMAIL_LIMIT
    answer = await strict.post("token/", {"email": ada.email.upper(), "password": PASSWORD})
    problem_of(answer, 429, "rate-limited")
    wait_s = int(answer.headers["retry-after"])
    assert 900 / EMAIL_LIMIT - 30 <= wait_s <= 900 / EMAIL_LIMIT
    assert answer.headers["ratelimit-policy"] == f'"login-email";q={EMAIL_LIMIT};w=900'
    assert answer.headers["ratelimit"] == f'"login-email";r=0;t={wait_s}'
    body_of(await strict.post("token/", {"email": bob.email, "password": PASSWORD}), 200)
    body_of(await ada.request("GET", "me/"), 200)


async def test_a_device_that_has_signed_in_stays_usable(strict: AuthHarness) -> None:
    ada, body = await strict.sign_up(), {"password": PASSWORD}
    strict.client.cookies.clear()
    answer = await strict.post("token/", body | {"email": ada.email})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "HttpOnly",
        "Max-Age=15552000",
        "Path=/api/auth/",
        "SameSite=strict",
    }
    assert ada.email not in cookie
    device = dict(strict.client.cookies)
    strict.client.cookies.clear()
    assert [await wrong(strict, ada.email) for _ in range(EMAIL_LIMIT + 1)] == [401] * EMAIL_LIMIT + [429]
    for _ in range(EMAIL_LIMIT + 1):
        strict.client.cookies.clear()
        strict.client.cookies.update(device)
        body_of(await strict.post("token/", body | {"email": ada.email}), 200)
    strict.client.cookies.clear()
    problem_of(await strict.post("token/", body | {"email": ada.email}), 429, "rate-limited")


async def test_a_device_is_known_to_its_newest_accounts(strict: AuthHarness) -> None:
    users = [await strict.sign_up() for _ in range(MAX_ACCOUNTS_OF_DEVICE + 1)]
    assert [cookie.name for cookie in strict.client.cookies.jar] == ["segops_device"]
    device = dict(strict.client.cookies)
    assert len(device["segops_device"]) < 1_200
    for user, is_known in ((users[0], False), (users[1], True), (users[-1], True)):
        strict.client.cookies.clear()
        assert [await wrong(strict, user.email) for _ in range(EMAIL_LIMIT)] == [401] * EMAIL_LIMIT
        strict.client.cookies.update(device)
        answer = await strict.post("token/", {"email": user.email, "password": PASSWORD})
        assert answer.status_code == (200 if is_known else 429)


async def test_an_address_that_has_signed_in_stays_usable(auth_settings: Settings) -> None:
    time, number = clock(), SystemClock().now().microsecond
    home, away = (f"2001:db8:{number % 60_000:x}:{number // 1000:x}{last}::1" for last in "ab")
    async with opened(limited(auth_settings), time, address=home) as auth:
        ada = await auth.sign_up()
    async with opened(limited(auth_settings), time, address=away) as auth:
        assert [await wrong(auth, ada.email) for _ in range(EMAIL_LIMIT + 1)] == [401] * EMAIL_LIMIT + [429]
    async with opened(limited(auth_settings), time, address=home) as auth:
        for _ in range(EMAIL_LIMIT + 1):
            auth.client.cookies.clear()
            body_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 200)


async def test_the_cookie_is_secure_behind_https(auth_settings: Settings) -> None:
    settings = auth_settings.model_copy(update={"trusted_proxies": (ip_network("127.0.0.1/32"),)})
    async with opened(settings, clock()) as auth:
        name = unique("secure")
        body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        answer = await auth.post("signup/", body, headers={"X-Forwarded-Proto": "https"})
        assert "; Secure" in answer.headers["set-cookie"]


async def test_right_passwords_do_not_count(strict: AuthHarness) -> None:
    ada = await strict.sign_up()
    for _ in range(EMAIL_LIMIT * 3):
        body_of(await strict.post("token/", {"email": ada.email, "password": PASSWORD}), 200)


async def test_an_unknown_address_is_limited_like_a_known_one(strict: AuthHarness) -> None:
    email = f"{unique('unknown')}@example.com"
    assert [await wrong(strict, email) for _ in range(EMAIL_LIMIT + 1)] == [401] * EMAIL_LIMIT + [429]


async def test_many_at_once_do_not_slip_through(strict: AuthHarness) -> None:
    email = f"{unique('unknown')}@example.com"
    statuses = await asyncio.gather(*(wrong(strict, email) for _ in range(EMAIL_LIMIT * 3)))
    assert sorted(statuses) == [401] * EMAIL_LIMIT + [429] * EMAIL_LIMIT * 2


async def test_the_password_is_not_guessed_where_it_is_changed_or_an_invite_accepted(strict: AuthHarness) -> None:
    ada, bob = await strict.sign_up(), await strict.sign_up("bob")
    strict.client.cookies.clear()
    change = {"password": "wrong-password", "new_password": "a-staple-is-better"}
    statuses = [(await ada.request("POST", "password/change/", change)).status_code for _ in range(EMAIL_LIMIT + 1)]
    assert statuses == [422] * EMAIL_LIMIT + [429]
    invite = await ada.invite(bob.email, "member")
    guess = {"token": invite["token"], "email": bob.email, "password": "wrong-password"}
    statuses = [(await strict.post("invites/accept/", guess)).status_code for _ in range(EMAIL_LIMIT + 1)]
    assert statuses == [401] * EMAIL_LIMIT + [429]


async def test_an_address_is_limited_over_all_accounts(auth_settings: Settings) -> None:
    time = clock()
    number = SystemClock().now().microsecond % 250
    async with opened(limited(auth_settings), time, address=f"198.51.100.{number}") as auth:
        statuses = [await wrong(auth, f"{unique('unknown')}@example.com") for _ in range(ADDRESS_LIMIT + 2)]
        assert statuses == [401] * ADDRESS_LIMIT + [429] * 2
        assert (await auth.sign_up()).tenant, "signing up has a limit of its own"


async def test_behind_a_trusted_proxy_each_client_has_its_own_limit(auth_settings: Settings) -> None:
    settings = limited(auth_settings).model_copy(update={"trusted_proxies": (ip_network("127.0.0.1/32"),)})
    number = SystemClock().now().microsecond
    site = f"2001:db8:{number % 60_000:x}:{number // 1000:x}"
    async with opened(settings, clock(), address="127.0.0.1") as auth:
        statuses = []
        for attempt in range(ADDRESS_LIMIT + 1):
            # What the client writes before the proxy's own entry changes nothing.
            auth.client.headers["X-Forwarded-For"] = f"192.0.2.{attempt}, {site}::{attempt}"
            statuses.append(await wrong(auth, f"{unique('unknown')}@example.com"))
        assert statuses == [401] * ADDRESS_LIMIT + [429]
        auth.client.headers["X-Forwarded-For"] = "2001:db8:ffff:1::1"
        assert await wrong(auth, f"{unique('unknown')}@example.com") == 401


async def test_signing_up_is_limited(auth_settings: Settings) -> None:
    time = clock()
    number = SystemClock().now().microsecond
    site = f"2001:db8:{number % 60_000:x}:{number // 1000:x}"
    for host in ("::1", "::2"):
        async with opened(limited(auth_settings), time, address=site + host) as auth:
            for _ in range(ADDRESS_LIMIT // 2):
                await auth.sign_up()
    async with opened(limited(auth_settings), time, address=f"{site}::3") as auth:
        name = unique("late")
        body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        problem_of(await auth.post("signup/", body), 429, "rate-limited")
