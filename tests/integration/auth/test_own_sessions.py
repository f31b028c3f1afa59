"""A person sees their sessions and ends them, one or all others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segops_auth.settings import Settings
from tests.integration.auth.harness import PASSWORD, AuthHarness, Json, SignedInUser, body_of, opened, problem_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


async def sign_in(auth: AuthHarness, user: SignedInUser, user_agent: str = FIREFOX) -> SignedInUser:
    body = {"email": user.email, "password": PASSWORD}
    return replace(user, tokens=body_of(await auth.post("token/", body, headers={"User-Agent": user_agent}), 200))


async def sessions_of(user: SignedInUser) -> list[Json]:
    results: list[Json] = body_of(await user.request("GET", "sessions/"), 200)["results"]
    return results


async def test_each_session_shows_its_browser_and_which_one_asks(auth: AuthHarness) -> None:
    first = await auth.sign_up()
    second = await sign_in(auth, first)
    for user, current in ((first, [False, True]), (second, [True, False])):
        sessions = await sessions_of(user)
        assert [session["current"] for session in sessions] == current
        assert [session["user_agent"].split("/")[0] for session in sessions] == ["Firefox 128 on Linux", "python-httpx"]
        assert {session["address"] for session in sessions} == {"127.0.0.1"}
    assert FIREFOX not in str(await sessions_of(first))


async def test_a_refresh_is_the_last_use(auth: AuthHarness, auth_settings: Settings) -> None:
    ada = await sign_in(auth, await auth.sign_up())
    (before, _) = await sessions_of(ada)
    auth.clock.advance(60)
    async with opened(auth_settings, auth.clock, address="2001:db8:1:2::7") as elsewhere:
        tokens = body_of(await elsewhere.post("token/refresh/", {"refresh": ada.tokens["refresh"]}), 200)
    (after, _) = await sessions_of(replace(ada, tokens=tokens))
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert after["last_used_at"] > before["last_used_at"]
    assert after["address"] == "2001:db8:1:2::7"


async def test_one_session_is_ended(auth: AuthHarness) -> None:
    first = await auth.sign_up()
    second = await sign_in(auth, first)
    other, _ = await sessions_of(first)
    body_of(await first.request("DELETE", f"sessions/{other['id']}/"), 204)
    problem_of(await second.request("GET", "me/"), 401, "invalid-token")
    problem_of(await auth.post("token/refresh/", {"refresh": second.tokens["refresh"]}), 401, "invalid-refresh-token")
    problem_of(await first.request("DELETE", f"sessions/{other['id']}/"), 404, "not-found")
    assert [session["current"] for session in await sessions_of(first)] == [True]
    log = body_of(await first.request("GET", f"tenants/{first.tenant}/audit-log/"), 200)["results"]
    assert (log[0]["action"], log[0]["details"]) == ("account.session_ended", {"session": str(other["id"])})


@pytest.mark.parametrize("other_id", [0, -1, 2**62])
async def test_the_session_of_another_person_cannot_be_ended(auth: AuthHarness, other_id: int) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    (own,) = await sessions_of(ada)
    for session in (own["id"], other_id):
        problem_of(await eve.request("DELETE", f"sessions/{session}/"), 404, "not-found")
    assert await sessions_of(ada) == [own]
    assert own["id"] not in [session["id"] for session in await sessions_of(eve)]


async def test_all_other_sessions_are_ended(auth: AuthHarness) -> None:
    first = await auth.sign_up()
    others = [await sign_in(auth, first) for _ in range(3)]
    body_of(await first.request("POST", "sessions/revoke-others/"), 204)
    for other in others:
        problem_of(await other.request("GET", "me/"), 401, "invalid-token")
    assert [session["current"] for session in await sessions_of(first)] == [True]
    log = body_of(await first.request("GET", f"tenants/{first.tenant}/audit-log/"), 200)["results"]
    assert log[0]["action"] == "account.other_sessions_ended"


async def test_sessions_are_read_in_pages(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    for _ in range(4):
        await sign_in(auth, ada)
    everything = [session["id"] for session in await sessions_of(ada)]
    listed, path = [], "sessions/?limit=2"
    while path:
        page = body_of(await ada.request("GET", path), 200)
        assert page["count"] == 5
        listed += [session["id"] for session in page["results"]]
        path = (page["next"] or "").removeprefix("/api/auth/")
    assert listed == everything == sorted(everything, reverse=True)
