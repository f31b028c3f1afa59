"""Receivers forget erased people, once for each confirmation."""

from __future__ import annotations

import pytest

from segops_common.security.permissions import Role
from segops_common.security.principal import UserPrincipal
from tests.corpus.builders import NOW_MS, event
from tests.unit.membership.activating import SECRET, World
from tests.unit.membership.harness import TENANT, Crash

OWNER = UserPrincipal(user_id=7, roles={TENANT: Role.OWNER})
USERS = ("cyd", "dan", "eli", "fay")


async def erased(world: World, *user_ids: str) -> None:
    privacy = world.api.membership.privacy
    await privacy.erase_people.request(TENANT, OWNER, user_ids)
    assert await privacy.run_erasures.run_next()


async def sent(world: World, **more: object) -> str:
    path = await world.started(**more)
    await world.run(*USERS)
    await world.later(3)
    assert world.receiver.members >= set(USERS)
    return path


async def test_a_receiver_learns_at_once_who_was_erased(world: World) -> None:
    path = await sent(world)
    before = len(world.receiver.requests)
    await erased(world, *USERS)
    await world.later(3)
    bodies = [body for _, body in world.receiver.requests[before:]]
    assert [(body["event"], body["reason"], len(body["user_ids"])) for body in bodies] == [
        *(("segment.exited", "erasure", 3), ("segment.exited", "erasure", 1)),
    ]
    assert world.receiver.members.isdisjoint(USERS)
    # A receiver may repeat who it was. So no response is kept, whenever the request is sent.
    assert [(item["changes"], item["response"]) for item in (await world.logs(path))[:2]] == [(1, ""), (3, "")]
    await world.run("gil")
    await world.later(3)
    assert "gil" in world.receiver.members
    assert world.receiver.members.isdisjoint(USERS)


@pytest.mark.parametrize("point", ["before_delivery", "after_delivery", "before_position"])
async def test_a_crash_repeats_the_same_request(world: World, point: str) -> None:
    await sent(world)
    await erased(world, "cyd", "dan")
    world.api.membership.faults.armed = point
    world.api.membership.clock.advance(3)
    with pytest.raises(Crash):
        await world.work()
    await erased(world, "eli")
    await world.later(120)
    assert world.receiver.members.isdisjoint({"cyd", "dan", "eli"})
    exits = [
        (headers["webhook-id"], tuple(body["user_ids"]))
        for headers, body in world.receiver.requests
        if body.get("reason") == "erasure"
    ]
    assert set(exits) == set(dict(exits).items()), "an id has one body"
    assert len(set(exits)) == 2


async def test_a_receiver_forgets_whatever_the_consent_was(world: World) -> None:
    """Consents are gone with the people: dan, who never gave one and was never sent, is named too."""
    path = await world.started(consent="consent.mail")
    for user, value in (("cyd", True), ("eli", True)):
        world.api.membership.store(event(user, "$identify", at=NOW_MS - 9_000, consent={"mail": value}))
    await world.run(*USERS)
    await world.later(3)
    assert world.receiver.members == {"cyd", "eli"}
    world.api.membership.store(event("eli", "$identify", at=NOW_MS - 8_000, consent={"mail": False}))
    before, left_out = len(world.receiver.requests), (await world.show(path))["left_out"]
    await erased(world, "cyd", "dan", "eli")
    await world.later(3)
    bodies = [(body["reason"], body["user_ids"]) for _, body in world.receiver.requests[before:]]
    assert [(reason, sorted(user_ids)) for reason, user_ids in bodies] == [("erasure", ["cyd", "dan", "eli"])]
    assert world.receiver.members == set()
    assert (await world.show(path))["left_out"] == left_out


@pytest.mark.parametrize("events", [["segment.entered"], ["segment.recomputed"]])
async def test_a_receiver_gets_no_exits_that_it_did_not_ask_for(world: World, events: list[str]) -> None:
    await world.started(config={"url": "https://hooks.example.com/", "secret": SECRET, "events": events})
    await world.run(*USERS)
    await world.later(3)
    before = len(world.receiver.requests)
    await erased(world, "cyd")
    await world.later(3)
    assert len(world.receiver.requests) == before
