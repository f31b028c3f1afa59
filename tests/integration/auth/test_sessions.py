"""Refresh tokens: rotated at each use, with a grace, and dead as a family once somebody else has one."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import sqlalchemy as sa

from segops_common.stores.postgres import create_engine, read_session
from tests.integration.auth.harness import PASSWORD, Json, World, refused, said


async def refresh(world: World, tokens: Json) -> httpx.Response:
    return await world.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})


async def test_each_use_gives_the_next(world: World) -> None:
    tokens = (await world.sign_up()).tokens
    seen = {tokens["refresh_token"]}
    for _ in range(5):
        tokens = said(await refresh(world, tokens), 200)
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        me = await world.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        said(me, 200)


async def test_two_tabs_at_once_get_the_same_successor(world: World) -> None:
    tokens = (await world.sign_up()).tokens
    answers = await asyncio.gather(*(refresh(world, tokens) for _ in range(10)))
    successors = {said(answer, 200)["refresh_token"] for answer in answers}
    assert len(successors) == 1
    said(await refresh(world, {"refresh_token": successors.pop()}), 200)


async def test_a_lost_answer_can_be_asked_for_again_within_ten_seconds(world: World) -> None:
    tokens = (await world.sign_up()).tokens
    first = said(await refresh(world, tokens), 200)
    world.clock.advance(9)
    assert said(await refresh(world, tokens), 200)["refresh_token"] == first["refresh_token"]


async def test_a_later_reuse_ends_the_session_and_no_other(world: World) -> None:
    ada = await world.sign_up()
    elsewhere = said(await world.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    newest = said(await refresh(world, ada.tokens), 200)
    world.clock.advance(11)
    refused(await refresh(world, ada.tokens), 401, "token-reuse-detected")
    refused(await refresh(world, newest), 401, "invalid-refresh-token")
    refused(await refresh(world, ada.tokens), 401, "invalid-refresh-token")
    said(await refresh(world, elsewhere), 200)
    log = said(await ada.ask("GET", f"tenants/{ada.tenant}/audit-log/"), 200)["items"]
    assert [entry["action"] for entry in log] == ["refresh_token.reused", "tenant.created"]
    assert log[0]["actor_id"] is None
    assert log[0]["target"] == f"user:{ada.id}"


async def test_signing_out_ends_the_session_whichever_of_its_tokens_is_shown(world: World) -> None:
    ada = await world.sign_up()
    newest = said(await refresh(world, ada.tokens), 200)
    for _ in range(2):
        said(await world.post("token/revoke/", {"refresh_token": ada.tokens["refresh_token"]}), 204)
    refused(await refresh(world, newest), 401, "invalid-refresh-token")


async def test_signing_out_with_an_unknown_token_says_nothing(world: World) -> None:
    said(await world.post("token/revoke/", {"refresh_token": "x" * 43}), 204)


@pytest.mark.parametrize("token", ["x", "x" * 128, "' OR 1=1 --", "\u2603"])
async def test_an_unknown_token_is_refused(world: World, token: str) -> None:
    refused(await refresh(world, {"refresh_token": token}), 401, "invalid-refresh-token")


async def test_a_refresh_token_is_no_access_token_and_the_reverse(world: World) -> None:
    tokens = (await world.sign_up()).tokens
    answer = await world.post("token/refresh/", {"refresh_token": tokens["access_token"]})
    assert answer.status_code in (401, 422)
    me = await world.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {tokens['refresh_token']}"})
    refused(me, 401, "invalid-token")


async def test_tokens_end_in_time(world: World) -> None:
    ada = await world.sign_up()
    unused = said(await world.post("token/", {"email": ada.email, "password": PASSWORD}), 200)
    world.clock.advance(899)
    said(await ada.ask("GET", "me/"), 200)
    world.clock.advance(1)
    refused(await ada.ask("GET", "me/"), 401, "token-expired")
    newest = said(await refresh(world, ada.tokens), 200)
    world.clock.advance(30 * 86_400 - 900)
    refused(await refresh(world, unused), 401, "invalid-refresh-token")
    said(await refresh(world, newest), 200)


async def test_expired_tokens_are_deleted_and_the_others_are_not(world: World, postgres_url: str) -> None:
    ada, bob = await world.sign_up(), await world.sign_up("bob")
    world.clock.advance(29 * 86_400)
    newest = said(await refresh(world, bob.tokens), 200)
    world.clock.advance(86_400)
    await world.app.state.running.auth.sessions.drop_expired()
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
    said(await refresh(world, newest), 200)
