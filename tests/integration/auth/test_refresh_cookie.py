"""The refresh token in a cookie: out of reach of scripts, and for pages of the same origin only."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from segops_auth.settings import Settings
from tests.integration.auth.harness import (
    PASSWORD,
    AuthHarness,
    Json,
    SignedInUser,
    body_of,
    opened,
    problem_of,
    unique,
)

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
BY_ORIGIN = {"Origin": "http://auth.test"}
NAME = "segops_refresh"


async def sign_in(auth: AuthHarness, user: SignedInUser, headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"email": user.email, "password": PASSWORD, "refresh_in": "cookie"}
    return await auth.post("token/", body, headers=headers or SAME_ORIGIN)


def cookie_of(answer: httpx.Response) -> str:
    """Return the value of the cookie that an answer sets."""
    (line,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{NAME}=")]
    return line.removeprefix(f"{NAME}=").partition(";")[0]


async def send(auth: AuthHarness, path: str, value: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send a request without a token in its body, as a browser with this cookie does."""
    auth.client.cookies.clear()
    return await auth.post(
        path, {}, headers={"Cookie": f"{NAME}={value}"} | (SAME_ORIGIN if headers is None else headers)
    )


async def is_signed_in(auth: AuthHarness, tokens: Json) -> bool:
    answer = await auth.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    return answer.status_code == 200


async def test_the_cookie_is_for_the_token_routes_and_no_script(auth: AuthHarness) -> None:
    answer = await sign_in(auth, await auth.sign_up())
    tokens = body_of(answer, 200)
    assert (tokens["refresh_token"], tokens["refresh"]) == (None, None)
    assert tokens["access"] == tokens["access_token"]
    (line,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(NAME)]
    value, *attributes = line.split("; ")
    assert len(value) > 40
    assert set(attributes) == {"HttpOnly", "Max-Age=2592000", "Path=/api/auth/token/", "SameSite=strict"}
    assert cookie_of(answer) not in answer.text


async def test_the_cookie_is_secure_behind_https(auth_settings: Settings, auth: AuthHarness) -> None:
    trusting = auth_settings.model_copy(update={"trusted_proxies": (ip_network("127.0.0.1/32"),)})
    ada = await auth.sign_up()
    async with opened(trusting, auth.clock) as behind:
        answer = await sign_in(behind, ada, SAME_ORIGIN | {"X-Forwarded-Proto": "https"})
        body_of(answer, 200)
        assert all("; Secure" in line for line in answer.headers.get_list("set-cookie"))


async def test_each_use_of_the_cookie_gives_the_next(auth: AuthHarness) -> None:
    value, used = cookie_of(await sign_in(auth, await auth.sign_up())), set()
    for headers in (SAME_ORIGIN, BY_ORIGIN, SAME_ORIGIN):
        used.add(value)
        answer = await send(auth, "token/refresh/", value, headers)
        tokens = body_of(answer, 200)
        assert tokens["refresh_token"] is None
        assert await is_signed_in(auth, tokens)
        value = cookie_of(answer)
        assert value not in used


async def test_two_tabs_at_once_do_not_sign_each_other_out(auth: AuthHarness) -> None:
    value = cookie_of(await sign_in(auth, await auth.sign_up()))
    answers = await asyncio.gather(*(send(auth, "token/refresh/", value) for _ in range(10)))
    (successor,) = {cookie_of(answer) for answer in answers}
    assert all([await is_signed_in(auth, body_of(answer, 200)) for answer in answers])
    body_of(await send(auth, "token/refresh/", successor), 200)


async def test_a_later_reuse_ends_the_session(auth: AuthHarness) -> None:
    value = cookie_of(await sign_in(auth, await auth.sign_up()))
    successor = cookie_of(await send(auth, "token/refresh/", value))
    auth.clock.advance(11)
    problem_of(await send(auth, "token/refresh/", value), 401, "token-reuse-detected")
    problem_of(await send(auth, "token/refresh/", successor), 401, "invalid-refresh-token")


async def test_signing_out_ends_the_session_and_removes_the_cookie(auth: AuthHarness) -> None:
    answer = await sign_in(auth, await auth.sign_up())
    value = cookie_of(answer)
    left = await send(auth, "token/revoke/", value)
    body_of(left, 204)
    assert f'{NAME}=""; HttpOnly; Max-Age=0; Path=/api/auth/token/; SameSite=strict' in left.headers["set-cookie"]
    assert not await is_signed_in(auth, body_of(answer, 200))
    problem_of(await send(auth, "token/refresh/", value), 401, "invalid-refresh-token")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"} | BY_ORIGIN,
        {"Origin": "http://auth.test.example.com"},
        {"Origin": "http://auth.test:8443"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[auth.test"},
    ],
    ids=repr,
)
async def test_a_page_of_another_origin_can_neither_use_nor_get_the_cookie(
    auth: AuthHarness, headers: dict[str, str]
) -> None:
    ada = await auth.sign_up()
    answer = await sign_in(auth, ada)
    value = cookie_of(answer)
    for path in ("token/refresh/", "token/revoke/"):
        problem_of(await send(auth, path, value, headers), 403, "cross-origin-request")
    sign_in_body = {"email": ada.email, "password": PASSWORD, "refresh_in": "cookie"}
    problem_of(await auth.post("token/", sign_in_body, headers=headers), 403, "cross-origin-request")
    assert await is_signed_in(auth, body_of(answer, 200))
    body_of(await send(auth, "token/refresh/", value), 200)


async def test_a_refused_sign_up_creates_nothing(auth: AuthHarness) -> None:
    name = unique("acme")
    body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
    wish = body | {"refresh_in": "cookie"}
    problem_of(await auth.post("signup/", wish), 403, "cross-origin-request")
    answer = await auth.post("signup/", wish, headers=SAME_ORIGIN)
    assert body_of(answer, 201)["tokens"]["refresh"] is None
    body_of(await send(auth, "token/refresh/", cookie_of(answer)), 200)


async def test_every_route_that_begins_a_session_can_set_the_cookie(auth: AuthHarness) -> None:
    host = await auth.sign_up()
    email = f"{unique('member')}@example.com"
    invite = await host.invite(email, "member")
    body = {"token": invite["token"], "email": email, "password": PASSWORD, "refresh_in": "cookie"}
    accepted = await auth.post("invites/accept/", body, headers=SAME_ORIGIN)
    assert body_of(accepted, 200)["tokens"]["refresh"] is None
    body_of(await send(auth, "token/refresh/", cookie_of(accepted)), 200)
    change = {"password": PASSWORD, "new_password": "a-staple-is-better-than-nothing", "refresh_in": "cookie"}
    changed = await host.request("POST", "password/change/", change, headers=SAME_ORIGIN)
    assert body_of(changed, 200)["refresh"] is None
    body_of(await send(auth, "token/refresh/", cookie_of(changed)), 200)


async def test_a_token_in_the_body_decides_and_stays_in_the_body(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    value = cookie_of(await sign_in(auth, ada))
    answer = await auth.post(
        "token/refresh/", {"refresh": ada.tokens["refresh"]}, headers={"Cookie": f"{NAME}={value}"}
    )
    assert body_of(answer, 200)["refresh"] is not None
    assert "set-cookie" not in answer.headers
    body_of(await send(auth, "token/refresh/", value), 200)


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "x" * 129, '"', "a b", "=;="], ids=repr)
async def test_an_unknown_cookie_is_refused(auth: AuthHarness, value: str) -> None:
    problem_of(await send(auth, "token/refresh/", value), 401, "invalid-refresh-token")


async def test_nothing_at_all_is_no_session(auth: AuthHarness) -> None:
    auth.client.cookies.clear()
    for path in ("token/refresh/", "token/revoke/"):
        problem_of(await auth.post(path, {}, headers=SAME_ORIGIN), 401, "invalid-refresh-token")


async def test_the_cookies_of_two_people_have_idempotency_keys_of_their_own(auth: AuthHarness) -> None:
    ada, grace = await auth.sign_up(), await auth.sign_up("grace")
    first, second = cookie_of(await sign_in(auth, ada)), cookie_of(await sign_in(auth, grace))
    key = SAME_ORIGIN | {"Idempotency-Key": unique("key")}
    for value in (first, second):
        body_of(await send(auth, "token/revoke/", value, key), 204)
        problem_of(await send(auth, "token/refresh/", value), 401, "invalid-refresh-token")


async def test_the_cookie_is_never_logged(auth: AuthHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    value = cookie_of(await sign_in(auth, await auth.sign_up()))
    next_value = cookie_of(await send(auth, "token/refresh/", value))
    await send(auth, "token/refresh/", next_value, {})
    logged: list[Any] = [
        record.__dict__ for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert logged
    for secret in (value, next_value):
        assert secret not in repr(logged)
