"""What a segment serves, and when it says that this is stale."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_common.contracts.jobs import ComputeResultMessage
from segops_segments.domain.run import MAX_ATTEMPTS, Run
from segops_segments.domain.segment import Change, Segment
from segops_segments.domain.serving_status import Standing
from tests.unit.segments.store_builders import definition
from tests.unit.segments.test_request_runs import LEASE_S, World

PROBLEM: dict[str, str] = {"type": "t", "title": "t", "detail": "d"}


@pytest.fixture
def world() -> World:
    return World()


async def said(world: World, run: Run, status: str, *, published: bool = True) -> None:
    world.clock.advance(1)
    part = {"segment_id": run.segment_id, "version": run.version, "size": 5, "entered": 5, "exited": 0}
    more = {"problem": PROBLEM} if status == "failed" else {"segments": [part | {"published": published}]}
    result = {"run_id": run.id, "tenant_id": run.tenant_id, "status": status, "at": world.clock.now()}
    await world.runs.apply(ComputeResultMessage.model_validate(result | more).root)


async def standing(world: World, segment: Segment) -> Standing:
    [present] = [
        each for each in (await world.segments.list((1,), cursor=None, limit=9)).items if each.id == segment.id
    ]
    return await world.runs.standing(present)


def short(found: Standing) -> tuple[int | None, str | None]:
    return found.served.id if found.served else None, found.reason


async def computed(world: World, segment: Segment, status: str = "succeeded") -> Run:
    run = await world.request(segment)
    await world.relay()
    await said(world, run, status)
    return run


async def test_the_last_good_membership_is_served_until_the_next(world: World) -> None:
    segment = await world.segment()
    assert short(await standing(world, segment)) == (None, "never-computed")
    good = await computed(world, segment)
    assert short(await standing(world, segment)) == (good.id, None)

    await computed(world, segment, "failed")
    bad = await standing(world, segment)
    assert short(bad) == (good.id, "last-run-failed")
    assert bad.problem is not None
    assert bad.problem.model_dump() == PROBLEM

    again = await computed(world, segment)
    assert short(await standing(world, segment)) == (again.id, None)


async def test_a_failure_before_the_first_good_run_says_so(world: World) -> None:
    segment = await world.segment()
    await computed(world, segment, "failed")
    assert short(await standing(world, segment)) == (None, "last-run-failed")


async def test_a_lost_run_leaves_the_good_one_and_its_word_still_counts(world: World) -> None:
    segment = await world.segment()
    good = await computed(world, segment)
    lost = await world.request(segment)
    for _ in range(MAX_ATTEMPTS):
        await world.relay()
        world.clock.advance(LEASE_S)
        await world.runs.sweep()
    found = await standing(world, segment)
    assert short(found) == (good.id, "last-run-failed")
    assert found.problem is not None
    assert found.problem.type.endswith("/run-lost")
    await said(world, lost, "succeeded")
    assert short(await standing(world, segment)) == (lost.id, None)


async def test_a_new_definition_makes_stale_and_a_new_name_does_not(world: World) -> None:
    segment = await world.segment()
    good = await computed(world, segment)
    await world.segments.change(1, segment.id, Change(name="other"), expected=None, by="user:1")
    assert short(await standing(world, segment)) == (good.id, None)
    await world.segments.change(1, segment.id, Change(definition=definition(7)), expected=None, by="user:1")
    assert short(await standing(world, segment)) == (good.id, "definition-changed")
    new = await computed(world, segment)
    assert short(await standing(world, segment)) == (new.id, None)


async def test_a_run_of_the_past_is_not_what_is_served(world: World) -> None:
    segment = await world.segment()
    good = await computed(world, segment)
    then = world.clock.now() - timedelta(days=1)
    for status in ("succeeded", "failed"):
        past = await world.runs.request(1, segment.id, as_of=then, by="user:1")
        await said(world, past, status, published=False)
        assert short(await standing(world, segment)) == (good.id, None)
