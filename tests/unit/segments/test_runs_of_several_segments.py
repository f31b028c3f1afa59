"""Runs of several segments: queued together, carried by one job, and told apart by segment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from segops_common.contracts.jobs import ComputeJob, ComputeResultMessage
from segops_common.core.problems import ValidationFailed
from segops_language import Group, parse_definition
from segops_segments.domain.references import (
    MAX_REFERENCES,
    MAX_SEGMENTS_OF_A_RUN,
    MAX_TOTAL_BYTES,
    Node,
    portions,
)
from segops_segments.domain.run import MAX_ATTEMPTS, Run
from segops_segments.domain.segment import Change, NewSegment, Segment
from segops_segments.service.request_runs import RunService
from tests.unit.segments.test_request_runs import LEASE_S, World


@pytest.fixture
def world() -> World:
    return World()


async def segments(world: World, count: int) -> list[Segment]:
    return [await world.segment(f"segment {number}") for number in range(count)]


async def together(world: World, *wanted: Segment, as_of: datetime | None = None) -> Sequence[Run]:
    ids = [segment.id for segment in wanted] or None
    return await world.runs.request_together(1, ids, as_of=as_of, by="user:1")


def contents(jobs: Sequence[ComputeJob]) -> list[tuple[int, list[int]]]:
    return [(job.run_id, [segment.id for segment in job.segments]) for job in jobs]


async def states(world: World, runs: Sequence[Run]) -> list[str]:
    return [(await world.now(run)).state for run in runs]


def referring(*segment_ids: int) -> Group:
    conditions: list[dict[str, Any]] = [{"type": "segment", "segment_id": each} for each in segment_ids]
    return parse_definition({"logic": "OR", "conditions": conditions})


async def test_all_segments_of_a_tenant_share_one_run_and_one_instant(world: World) -> None:
    wanted = await segments(world, 3)
    await world.segment("another tenant's", tenant_id=2)
    runs = await together(world)
    ids = [segment.id for segment in wanted]
    assert [(run.id, run.segment_id) for run in runs] == [(runs[0].id, each) for each in ids]
    jobs = await world.relay_jobs()
    assert contents(jobs) == [(runs[0].id, ids)]
    assert {run.as_of for run in runs} == {jobs[0].as_of}


async def test_each_segment_has_its_own_part_of_the_result(world: World) -> None:
    runs = await together(world, *await segments(world, 2))
    found = [
        {"segment_id": run.segment_id, "version": 1, "size": size, "entered": size, "exited": 0}
        for run, size in zip(runs, (3, 8), strict=True)
    ]
    result = {"run_id": runs[0].id, "tenant_id": 1, "status": "succeeded", "at": world.clock.now(), "segments": found}
    await world.runs.apply(ComputeResultMessage.model_validate(result).root)
    outcomes = [(await world.now(run)).outcome for run in runs]
    assert [outcome.size for outcome in outcomes if outcome] == [3, 8]


async def test_an_unknown_segment_is_named_and_nothing_is_queued(world: World) -> None:
    own, foreign = await world.segment(), await world.segment("another tenant's", tenant_id=2)
    with pytest.raises(ValidationFailed) as refused:
        await world.runs.request_together(1, [own.id, foreign.id, 10**9], as_of=None, by="user:1")
    assert [fault.path for fault in refused.value.errors] == ["segment_ids.1", "segment_ids.2"]
    assert await world.relay() == []
    assert (await world.runs.list(1, own.id, cursor=None, limit=10)).items == ()


async def test_nobody_looks_into_the_future(world: World) -> None:
    with pytest.raises(ValidationFailed):
        await together(world, as_of=world.clock.now() + timedelta(seconds=1))
    assert list(await together(world)) == [], "a tenant without segments has no run"


async def test_a_request_joins_the_run_of_several_until_a_relay_has_it(world: World) -> None:
    one, other = await segments(world, 2)
    runs = await together(world)
    world.clock.advance(5)
    joined = await world.request(one)
    assert joined.id == runs[0].id
    jobs = await world.relay_jobs()
    assert contents(jobs) == [(joined.id, [one.id, other.id])]
    assert jobs[0].as_of == world.clock.now() == (await world.now(runs[1])).as_of
    later = await world.request(other)
    assert later.id != joined.id


async def test_asking_twice_for_all_makes_one_run_more_which_waits(world: World) -> None:
    wanted = await segments(world, 3)
    first = await together(world)
    await world.relay()
    second, third = await together(world), await together(world)
    assert {run.id for run in second} == {run.id for run in third}
    assert len({run.id for run in (*first, *second)}) == 2
    assert await world.relay() == []
    await world.word(first[0], "running")
    assert contents(await world.relay_jobs()) == [(second[0].id, [each.id for each in wanted])]


async def test_a_run_of_several_waits_for_every_run_before_it(world: World) -> None:
    one, other = await segments(world, 2)
    before = [await world.request(one), await world.request(other)]
    await world.relay()
    waiting = await together(world)
    await world.word(before[1], "running")
    assert await world.relay() == []
    await world.word(before[0], "succeeded")
    assert await world.relay() == [waiting[0].id]


async def test_segments_without_a_run_do_not_wait_with_the_others(world: World) -> None:
    one, other = await segments(world, 2)
    await world.request(one)
    await world.relay()
    waiting, begun = await together(world)
    assert contents(await world.relay_jobs()) == [(begun.id, [other.id])]
    assert (waiting.segment_id, waiting.message_id) == (one.id, None)


async def test_a_renewed_run_evaluates_the_versions_that_were_asked_for(world: World) -> None:
    one, other = await segments(world, 2)
    await together(world)
    changes = Change(definition=parse_definition({"logic": "AND", "conditions": []}))
    for each in (one, other):
        await world.segments.change(1, each.id, changes, expected=None, by="user:1")
    await world.request(other)
    assert [(each.id, each.version) for each in (await world.relay_jobs())[0].segments] == [(one.id, 1), (other.id, 2)]


async def test_a_deleted_segment_leaves_the_run_to_the_others(world: World) -> None:
    one, other = await segments(world, 2)
    runs = await together(world)
    await world.runs.delete_segment(1, one.id, expected=None, by="user:1")
    jobs = contents(await world.relay_jobs())
    assert (runs[0].id, [other.id]) in jobs
    assert [job for job in jobs if job[1] == [one.id] and job[0] > runs[0].id]
    await world.word(runs[1], "succeeded")
    assert await states(world, runs) == ["superseded", "succeeded"]


async def test_a_deleted_segment_no_longer_keeps_the_others_waiting(world: World) -> None:
    one, other = await segments(world, 2)
    before = [await world.request(each) for each in (one, other)]
    await world.relay()
    waiting = await together(world)
    await world.word(before[1], "running")
    await world.runs.delete_segment(1, one.id, expected=None, by="user:1")
    assert (waiting[0].id, [other.id]) in contents(await world.relay_jobs())


async def test_a_silent_run_is_announced_whole_and_given_up_whole(world: World) -> None:
    wanted = await segments(world, 3)
    runs = await together(world)
    ids = [each.id for each in wanted]
    announced = contents(await world.relay_jobs())
    for _ in range(2 * MAX_ATTEMPTS):
        world.clock.advance(LEASE_S)
        await world.runs.sweep()
        announced += contents(await world.relay_jobs())
    assert announced == [(runs[0].id, ids)] * MAX_ATTEMPTS
    assert await states(world, runs) == ["failed"] * 3


async def test_many_segments_are_queued_in_transactions_of_a_few(world: World) -> None:
    wanted = await segments(world, 7)
    world.runs = RunService(store=world.store, clock=world.clock, lease=timedelta(minutes=1), segments_at_once=3)
    ids = [segment.id for segment in wanted]
    runs = await together(world)
    assert [run.segment_id for run in runs] == ids
    assert contents(await world.relay_jobs()) == [(runs[n].id, ids[n : n + 3]) for n in (0, 3, 6)]
    assert len({run.as_of for run in runs}) == 1
    for run in runs:
        await world.word(run, "succeeded")
    named = await together(world, wanted[1], wanted[6])
    assert [run.segment_id for run in named] == [ids[1], ids[6]]


async def test_a_run_at_a_chosen_instant_is_shared_and_joined_by_nobody(world: World) -> None:
    wanted = await segments(world, 2)
    chosen = world.clock.now() - timedelta(hours=1)
    runs = [await together(world, *wanted, as_of=chosen) for _ in range(2)]
    assert len({run.id for both in runs for run in both}) == 2
    assert {run.as_of for both in runs for run in both} == {chosen}
    assert len(await world.relay()) == 2


async def test_what_several_refer_to_is_carried_once(world: World) -> None:
    inner = await world.segment("inner")
    new = [
        NewSegment(
            tenant_id=1,
            name=name,
            segment_type="rule",
            definition=referring(inner.id),
            description="",
            refresh="manual",
        )
        for name in ("left", "right")
    ]
    outer = [await world.segments.create(each, by="user:1") for each in new]
    await together(world, *outer)
    await together(world, *outer, inner, as_of=world.clock.now())
    carried = [[each.id for each in job.references] for job in await world.relay_jobs()]
    assert carried == [[inner.id], []], "a segment of the run is no reference beside"


def test_a_run_is_of_as_many_segments_as_its_message_has_room_for() -> None:
    half = MAX_TOTAL_BYTES // 2
    shared = Node(frozenset(), half)
    graph = {0: shared} | {number: Node(frozenset({0}), half // 2) for number in range(1, 6)}
    assert list(portions([1, 2, 3, 4, 5], graph)) == [[1, 2], [3, 4], [5]]
    assert list(portions([0, 1, 2], graph)) == [[0, 1, 2]], "what is evaluated anyway takes no more room"
    small = {number: Node(frozenset(), 1) for number in range(MAX_SEGMENTS_OF_A_RUN + 1)}
    assert [len(each) for each in portions(list(small), small)] == [MAX_SEGMENTS_OF_A_RUN, 1]
    wide = {number: Node(frozenset(), 1) for number in range(MAX_REFERENCES + 1)}
    wide |= {1000: Node(frozenset(range(MAX_REFERENCES)), 1), 1001: Node(frozenset({MAX_REFERENCES}), 1)}
    assert list(portions([1000, 1001], wide)) == [[1000], [1001]]
    assert list(portions([], {})) == []
