"""Refresh tokens: rotated at each use, with a grace, and dead as a family once somebody else has one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa

from segops_common.stores.postgres import create_engine, read_session
from tests.integration.auth.harness import PASSWORD, AuthHarness, Json, body_of, problem_of


async def refresh(auth: AuthHarness, tokens: Json) -> httpx.Response:
    return await auth.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


async def test_each_use_gives_the_next(auth: AuthHarness) -> None:
    tokens = (await auth.sign_up()).tokens
    used = {tokens["refresh_token"]}
    for _ in range(5):
        tokens = body_of(await refresh(auth, tokens), 200)
        assert tokens["refresh_token"] not in used
        used.add(tokens["refresh_token"])
        me = await auth.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        body_of(me, 200)


async def test_two_tabs_at_once_get_the_same_successor(auth: AuthHarness) -> None:
    tokens = (await auth.sign_up()).tokens
    answers = await asyncio.gather(*(refresh(auth, tokens) for _ in range(10)))
    successors = {body_of(answer, 200)["refresh_token"] for answer in answers}
    assert len(successors) == 1
    body_of(await refresh(auth, {"refresh_token": successors.pop()}), 200)


async def test_a_lost_answer_can_be_asked_for_again_within_ten_seconds(auth: AuthHarness) -> None:
    tokens = (await auth.sign_up()).tokens
    first = body_of(await refresh(auth, tokens), 200)
    auth.clock.advance(9)
    assert body_of(await refresh(auth, tokens), 200)["refresh_token"] == first["refresh_token"]


async def test_a_later_reuse_ends_the_session_and_no_other(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    elsewhere = body_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    newest = body_of(await refresh(auth, ada.tokens), 200)
    auth.clock.advance(11)
    problem_of(await refresh(auth, ada.tokens), 401, "token-reuse-detected")
    problem_of(await refresh(auth, newest), 401, "invalid-refresh-token")
    problem_of(await refresh(auth, ada.tokens), 401, "invalid-refresh-token")
    problem_of(await ada.request("GET", "me/"), 401, "invalid-token")
    again = replace(ada, tokens=body_of(await refresh(auth, elsewhere), 200))
    log = body_of(await again.request("GET", f"tenants/{ada.tenant}/audit-log/"), 200)["results"]
    assert [entry["action"] for entry in log] == ["refresh_token.reused", "tenant.created"]
    assert log[0]["actor_id"] is None
    assert log[0]["target"] == f"user:{ada.id}"


async def test_signing_out_ends_the_session_whichever_of_its_tokens_is_shown(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    newest = body_of(await refresh(auth, ada.tokens), 200)
    for _ in range(2):
        body_of(await auth.post("token/revoke/", {"refresh_token": ada.tokens["refresh_token"]}), 204)
    problem_of(await refresh(auth, newest), 401, "invalid-refresh-token")


async def test_signing_out_with_an_unknown_token_says_nothing(auth: AuthHarness) -> None:
    body_of(await auth.post("token/revoke/", {"refresh_token": "x" * 43}), 204)


@pytest.mark.parametrize("token", ["x", "x" * 128, "' OR 1=1 --", "\u2603"])
async def test_an_unknown_token_is_refused(auth: AuthHarness, token: str) -> None:
    problem_of(await refresh(auth, {"refresh_token": token}), 401, "invalid-refresh-token")


async def test_tokens_have_the_short_names_too(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    tokens = body_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    assert (tokens["access"], tokens["refresh"]) == (tokens["access_token"], tokens["refresh_token"])
    again = body_of(await auth.post("token/refresh/", {"refresh": tokens["refresh"]}), 200)
    both = {"refresh": again["refresh"], "refresh_token": again["refresh_token"]}
    again = body_of(await auth.post("token/refresh/", both), 200)
    problem_of(await auth.post("token/refresh/", {}), 401, "invalid-refresh-token")
    for body, path in (({"refresh": "x", "refresh_token": "y"}, "refresh"),):
        problem = problem_of(await auth.post("token/refresh/", body), 422, "validation-failed")
        assert [error["path"] for error in problem["errors"]] == [path]
    body_of(await auth.post("token/revoke/", {"refresh": again["refresh"]}), 204)
    problem_of(await auth.post("token/refresh/", {"refresh": again["refresh"]}), 401, "invalid-refresh-token")


async def test_a_refresh_token_is_no_access_token_and_the_reverse(auth: AuthHarness) -> None:
    tokens = (await auth.sign_up()).tokens
    answer = await auth.post("token/refresh/", {"refresh_token": tokens["access_token"]})
    assert answer.status_code in (401, 422)
    me = await auth.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['refresh_token']}"})
    problem_of(me, 401, "invalid-token")


async def test_tokens_end_in_time(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    unused = body_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    auth.clock.advance(899)
    body_of(await ada.request("GET", "me/"), 200)
    auth.clock.advance(1)
    problem_of(await ada.request("GET", "me/"), 401, "token-expired")
    newest = body_of(await refresh(auth, ada.tokens), 200)
    auth.clock.advance(30 * 86_400 - 900)
    problem_of(await refresh(auth, unused), 401, "invalid-refresh-token")
    body_of(await refresh(auth, newest), 200)


async def test_expired_tokens_are_deleted_and_the_others_are_not(auth: AuthHarness, postgres_url: str) -> None:
    ada, bob = await auth.sign_up(), await auth.sign_up("bob")
    auth.clock.advance(29 * 86_400)
    newest = body_of(await refresh(auth, bob.tokens), 200)
    auth.clock.advance(86_400)
    await auth.app.state.running.auth.sessions.delete_expired()
    engine = create_engine(postgres_url)
    async with read_session(engine) as session:
        counted = await session.execute(
            sa.text(
                "SELECT f.user_id, count(t.id) FROM auth.refresh_families f "
                "LEFT JOIN auth.refresh_tokens t ON t.family_id = f.id GROUP BY f.user_id"
            )
        )
        left = {user_id: number for user_id, number in counted.all()}
    await engine.dispose()
    assert ada.id not in left
    assert left[bob.id] == 1
    body_of(await refresh(auth, newest), 200)
