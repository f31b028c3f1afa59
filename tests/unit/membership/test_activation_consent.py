"""Consent: users whose trait is not true are left out and counted, on memory adapters."""

from __future__ import annotations

import pytest

from tests.corpus.builders import NOW_MS, event
from tests.unit.membership.activating import NOBODY, Unreadable, World, world_of
from tests.unit.membership.api import Api


async def consent(world: World, user: str, value: bool) -> None:
    """Store what a user says, after what was said before."""
    at = NOW_MS - 10_000 + world.runs
    world.api.membership.store(event(user, "$identify", at=at, consent={"mail": value}))


async def test_users_without_consent_are_left_out_and_counted(world: World) -> None:
    path = await world.started(consent="consent.mail")
    await consent(world, "cyd", True)
    await consent(world, "dan", False)
    await world.run("cyd", "dan", "eve")
    await world.later(3)
    assert world.receiver.members == {"cyd"}
    shown, logs = await world.show(path), await world.logs(path)
    assert (shown["consent"], shown["left_out"]) == ("consent.mail", 2)
    assert [(item["event"], item["changes"], item["left_out"]) for item in logs] == [
        ("segment.recomputed", 0, 0),
        ("segment.entered", 1, 2),
    ]
    await world.api.post(f"{path}replay/", {"start": "beginning"}, "ApiKey writes")
    await world.later(3)
    assert (await world.show(path))["left_out"] == 4, "ada and bob have said nothing, and entered with the first run"


async def test_who_has_withdrawn_is_sent_as_exited_and_who_never_consented_is_not(world: World) -> None:
    path = await world.started(consent="consent.mail")
    await consent(world, "cyd", True)
    await world.run("cyd", "dan")
    await consent(world, "cyd", False)
    await world.later(3)
    assert world.receiver.members == set(), "what counts is the consent when it is sent"
    await consent(world, "cyd", True)
    await world.api.post(f"{path}replay/", {"from_run": 2}, "ApiKey writes")
    await world.later(3)
    assert world.receiver.members == {"cyd"}, "with other users, a request has another id"
    await consent(world, "cyd", False)
    await world.run(definition=NOBODY, version=2)
    await world.later(3)
    await world.api.post(f"{path}approve/", None, "ApiKey writes")
    await world.later(3)
    assert world.receiver.members == set()
    exited = [body["user_ids"] for _, body in world.receiver.requests if body["event"] == "segment.exited"]
    assert exited == [["cyd"]]


@pytest.mark.parametrize("has_consent", [True, False])
async def test_nobody_without_the_key_can_try_ids_against_the_log(api: Api, *, has_consent: bool) -> None:
    """The id of a request depends on its users only where consent decides about them, and then on the key, too."""
    world, other = world_of(api), world_of(api, person_key="q" * 32)
    path = await world.started(consent="consent.mail" if has_consent else None)
    await consent(world, "cyd", True)
    await world.run("cyd")
    await world.later(3)
    await api.post(f"{path}replay/", {"start": "beginning"}, "ApiKey writes")
    await other.later(3)
    assert world.receiver.members == other.receiver.members - {"ada", "bob"} == {"cyd"}
    common = world.receiver.confirmed.keys() & other.receiver.confirmed.keys()
    assert bool(common) is not has_consent


async def test_a_consent_can_be_asked_for_later_and_no_more(world: World) -> None:
    path = await world.started()
    assert (await world.patch(path, consent="ok"))["consent"] == "ok"
    assert (await world.patch(path, description="d"))["consent"] == "ok"
    assert (await world.patch(path, consent=None))["consent"] is None


async def test_an_engine_that_does_not_answer_shows_in_how_long_the_activation_is_due(api: Api) -> None:
    world = world_of(api, Unreadable())
    path = await world.started(consent="consent.mail")
    await world.run("cyd")
    for _ in range(10):
        await world.later(40)
    statistics = await api.membership.activations.statistics()
    assert (statistics.failing, statistics.overdue_s >= 400) == (0, True)
    shown = await world.show(path)
    assert (world.receiver.requests, shown["status"], shown["last_synced_at"]) == ([], "active", None)
