"""Signing up, who one is, and the password."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import pytest

from segops_auth.adapters.argon2.passwords import OWASP_MINIMUM
from segops_auth.settings import Settings
from segops_common.core.clock import SystemClock
from segops_testkit.clock import ManualClock
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, opened, problem_of, unique

NEW_PASSWORD = "a-staple-is-better-than-nothing"


def sign_up_body(**changes: Any) -> dict[str, Any]:
    name = unique("sign")
    return {
        "email": f"{name}@example.com",
        "password": PASSWORD,
        "tenant_name": "Ünï Co",
        "tenant_slug": name,
    } | changes


async def test_signing_up_makes_an_owner_who_is_signed_in(auth: AuthHarness) -> None:
    body = sign_up_body()
    answer = await auth.post("signup/", body)
    made = body_of(answer, 201)
    assert made["user"] == {"id": made["user"]["id"], "email": body["email"]}
    assert made["tenant"] == {"id": made["tenant"]["id"], "slug": body["tenant_slug"], "name": "Ünï Co"}
    tokens = made["tokens"]
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    me = await auth.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    tenants = [made["tenant"] | {"is_test": False, "role": "owner"}]
    assert body_of(me, 200) == made["user"] | {"email_verified": False, "tenants": tenants}
    assert await auth.roles(made["user"]["id"]) == {made["tenant"]["id"]: "owner"}


async def test_an_address_has_one_account_in_any_case(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    problem_of(await auth.post("signup/", sign_up_body(email=ada.email.upper())), 409, "email-taken")
    body_of(await auth.post("token/", {"email": ada.email.upper(), "password": PASSWORD}), 200)


async def test_a_slug_belongs_to_one_tenant(auth: AuthHarness) -> None:
    taken = sign_up_body()
    body_of(await auth.post("signup/", taken), 201)
    again = sign_up_body(tenant_slug=taken["tenant_slug"])
    problem_of(await auth.post("signup/", again), 409, "slug-taken")
    problem_of(await auth.post("token/", {"email": again["email"], "password": PASSWORD}), 401, "invalid-credentials")


async def test_of_many_who_want_one_address_at_once_one_gets_it(auth: AuthHarness) -> None:
    email = f"{unique('race')}@example.com"
    answers = await asyncio.gather(*(auth.post("signup/", sign_up_body(email=email)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "ada", "invalid"),
        ("email", "a@b\r\nBcc: eve@example.com", "invalid"),
        ("email", "\u0430da@example.com", "invalid"),
        ("email", "a@" + "b" * 300 + ".com", "wrong-length"),
        ("email", 7, "wrong-type"),
        ("email", None, "wrong-type"),
        ("password", "short7!", "weak-password"),
        ("password", "password1", "weak-password"),
        ("password", "x" * 129, "wrong-length"),
        ("password", "x" * 15_000, "wrong-length"),
        ("password", 12345678, "wrong-type"),
        ("tenant_slug", "admin", "invalid"),
        ("tenant_slug", "www", "invalid"),
        ("tenant_slug", "a--b", "invalid"),
        ("tenant_slug", "a" * 64, "wrong-length"),
        ("tenant_slug", "bücher", "invalid"),
        ("tenant_slug", "../etc", "invalid"),
        ("tenant_name", "", "wrong-length"),
        ("tenant_name", "   ", "wrong-format"),
        ("tenant_name", "a\nb", "wrong-format"),
        ("tenant_name", "x" * 101, "wrong-length"),
        ("is_admin", True, "unknown-field"),
        ("__proto__", {}, "unknown-field"),
    ],
)
async def test_what_is_not_valid_is_named(auth: AuthHarness, field: str, value: object, code: str) -> None:
    answer = await auth.post("signup/", sign_up_body(**{field: value}))
    problem = problem_of(answer, 422, "validation-failed")
    assert [(fault["path"], fault["code"]) for fault in problem["errors"]] == [(field, code)]
    assert len(answer.content) < 2_000, "a response must not repeat the rejected value"


async def test_a_lone_surrogate_is_refused(auth: AuthHarness) -> None:
    body = b'{"email": "a@example.com", "password": "correct-\\ud800-horse", "tenant_name": "a", "tenant_slug": "ab"}'
    answer = await auth.client.post("/api/auth/signup/", content=body, headers={"Content-Type": "application/json"})
    problem_of(answer, 400, "malformed-json")


async def test_an_unknown_address_and_a_wrong_password_are_answered_alike(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    problems = [
        problem_of(await auth.post("token/", {"email": email, "password": password}), 401, "invalid-credentials")
        for email, password in ((ada.email, "wrong-password"), (f"{unique('unknown')}@example.com", PASSWORD))
    ]
    assert {problem["detail"] for problem in problems} == {"The email address and the password do not match."}
    assert {problem["title"] for problem in problems} == {"Authentication is required"}


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    auth_settings: Settings, auth_clock: ManualClock
) -> None:
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    clock = SystemClock()
    async with opened(auth_settings, auth_clock, password_cost=OWASP_MINIMUM) as auth:
        emails = {"known": (await auth.sign_up()).email, "unknown": f"{unique('unknown')}@example.com"}
        for _ in range(15):
            for name, email in emails.items():
                start = clock.monotonic()
                await auth.post("token/", {"email": email, "password": "wrong-password"})
                times[name].append(clock.monotonic() - start)
    known_s, unknown_s = (statistics.median(values) for values in times.values())
    # Without the decoy hash the ratio would be a tenth. The bounds leave room for a busy machine.
    assert 0.5 < unknown_s / known_s < 2, times


async def test_a_new_password_ends_every_session(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    elsewhere = body_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    change = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    tokens = body_of(await ada.request("POST", "password/change/", change), 200)
    for old in (ada.tokens, elsewhere):
        answer = await auth.post("token/refresh/", {"refresh_token": old["refresh_token"]})
        problem_of(answer, 401, "invalid-refresh-token")
    body_of(await auth.post("token/refresh/", {"refresh_token": tokens["refresh_token"]}), 200)
    problem_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 401, "invalid-credentials")
    body_of(await auth.post("token/", {"email": ada.email, "password": NEW_PASSWORD}), 200)


async def test_the_password_is_changed_only_with_the_present_one_and_to_a_good_one(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    wrong = await ada.request("POST", "password/change/", {"password": "wrong-password", "new_password": NEW_PASSWORD})
    (fault,) = problem_of(wrong, 422, "validation-failed")["errors"]
    assert (fault["path"], fault["code"]) == ("password", "wrong-password")
    weak = await ada.request("POST", "password/change/", {"password": PASSWORD, "new_password": ada.email})
    assert problem_of(weak, 422, "validation-failed")["errors"][0]["path"] == "new_password"
    body_of(await auth.post("token/refresh/", {"refresh_token": ada.tokens["refresh_token"]}), 200)


async def test_two_changes_at_once_do_not_both_win(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    changes = [{"password": PASSWORD, "new_password": f"{NEW_PASSWORD}-{number}"} for number in range(4)]
    answers = await asyncio.gather(*(ada.request("POST", "password/change/", change) for change in changes))
    won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(won) == 1, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 409, 401, 422}
    body_of(await auth.post("token/", {"email": ada.email, "password": changes[won[0]]["new_password"]}), 200)
