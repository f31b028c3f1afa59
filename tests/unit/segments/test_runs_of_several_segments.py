"""Runs of several segments: queued together, sent as one job, with a state for each segment."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from segops_common.contracts.jobs import ComputeJob
from segops_common.core.pagination import PageQuery
from segops_common.core.problems import ValidationFailed
from segops_language import parse_definition
from segops_segments.domain.references import (
    MAX_REFERENCES,
    MAX_SEGMENTS_OF_A_RUN,
    MAX_TOTAL_BYTES,
    Node,
    portions,
)
from segops_segments.domain.run import MAX_ATTEMPTS
from segops_segments.domain.segment import Change
from tests.unit.segments.harness import LEASE_S, RunsHarness
from tests.unit.segments.store_builders import referring


@pytest.fixture
def harness() -> RunsHarness:
    return RunsHarness()


def contents_of(jobs: Sequence[ComputeJob]) -> list[tuple[int, list[int]]]:
    return [(job.run_id, [segment.id for segment in job.segments]) for job in jobs]


async def test_all_segments_of_a_tenant_share_one_run_and_one_instant(harness: RunsHarness) -> None:
    segments = await harness.create_many(3)
    await harness.create("another tenant's", tenant_id=2)
    runs = await harness.request_many()
    ids = [segment.id for segment in segments]
    assert [(run.run_id, run.segment_id) for run in runs] == [(runs[0].run_id, segment_id) for segment_id in ids]
    jobs = await harness.relay_jobs()
    assert contents_of(jobs) == [(runs[0].run_id, ids)]
    assert {run.as_of for run in runs} == {jobs[0].as_of}


async def test_each_segment_has_its_own_part_of_the_result(harness: RunsHarness) -> None:
    runs = await harness.request_many(*await harness.create_many(2))
    results = [
        {"segment_id": run.segment_id, "version": 1, "size": size, "entered": size, "exited": 0}
        for run, size in zip(runs, (3, 8), strict=True)
    ]
    await harness.report(runs[0], "succeeded", segments=results)
    outcomes = [(await harness.read(run)).outcome for run in runs]
    assert [outcome.size for outcome in outcomes if outcome] == [3, 8]


async def test_an_unknown_segment_is_named_and_nothing_is_queued(harness: RunsHarness) -> None:
    own, foreign = await harness.create(), await harness.create("another tenant's", tenant_id=2)
    with pytest.raises(ValidationFailed) as refused:
        await harness.requests.request_many(1, [own.id, foreign.id, 10**9], as_of=None, by="user:1")
    assert [fault.path for fault in refused.value.errors] == ["segment_ids.1", "segment_ids.2"]
    assert await harness.relay() == []
    assert (await harness.runs.list(1, own.id, PageQuery(limit=10))).results == ()


async def test_an_instant_in_the_future_is_refused(harness: RunsHarness) -> None:
    with pytest.raises(ValidationFailed):
        await harness.request_many(as_of=harness.clock.now() + timedelta(seconds=1))
    assert list(await harness.request_many()) == [], "a tenant without segments has no run"


async def test_a_request_joins_the_run_of_several_until_a_relay_has_it(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    runs = await harness.request_many()
    harness.clock.advance(5)
    joined = await harness.request(one)
    assert joined.run_id == runs[0].run_id
    jobs = await harness.relay_jobs()
    assert contents_of(jobs) == [(joined.run_id, [one.id, other.id])]
    assert jobs[0].as_of == harness.clock.now() == (await harness.read(runs[1])).as_of
    later = await harness.request(other)
    assert later.run_id != joined.run_id


async def test_requesting_all_segments_twice_adds_one_run_that_waits(harness: RunsHarness) -> None:
    segments = await harness.create_many(3)
    first = await harness.request_many()
    await harness.relay()
    second, third = await harness.request_many(), await harness.request_many()
    assert {run.run_id for run in second} == {run.run_id for run in third}
    assert len({run.run_id for run in (*first, *second)}) == 2
    assert await harness.relay() == []
    await harness.report(first[0], "running")
    assert contents_of(await harness.relay_jobs()) == [(second[0].run_id, [segment.id for segment in segments])]


async def test_a_run_of_several_waits_for_every_run_before_it(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    before = [await harness.request(one), await harness.request(other)]
    await harness.relay()
    waiting = await harness.request_many()
    await harness.report(before[1], "running")
    assert await harness.relay() == []
    await harness.report(before[0], "succeeded")
    assert await harness.relay() == [waiting[0].run_id]


async def test_segments_without_a_queued_run_do_not_wait_for_the_others(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    await harness.request(one)
    await harness.relay()
    waiting, dispatched = await harness.request_many()
    assert contents_of(await harness.relay_jobs()) == [(dispatched.run_id, [other.id])]
    assert (waiting.segment_id, waiting.message_id) == (one.id, None)


async def test_a_renewed_run_evaluates_the_newest_versions_of_the_requested_segments(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    await harness.request_many()
    changes = Change(definition=parse_definition({"logic": "AND", "conditions": []}))
    for segment in (one, other):
        await harness.segments.change(1, segment.id, changes, expected=None, by="user:1")
    await harness.request(other)
    [job] = await harness.relay_jobs()
    assert [(segment.id, segment.version) for segment in job.segments] == [(one.id, 1), (other.id, 2)]


async def test_a_deleted_segment_leaves_the_run_to_the_others(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    runs = await harness.request_many()
    await harness.delete(one)
    jobs = contents_of(await harness.relay_jobs())
    assert (runs[0].run_id, [other.id]) in jobs
    assert [job for job in jobs if job[1] == [one.id] and job[0] > runs[0].run_id]
    await harness.report(runs[1], "succeeded")
    assert await harness.states(runs) == ["superseded", "succeeded"]


async def test_a_deleted_segment_no_longer_keeps_the_others_waiting(harness: RunsHarness) -> None:
    one, other = await harness.create_many(2)
    before = [await harness.request(segment) for segment in (one, other)]
    await harness.relay()
    waiting = await harness.request_many()
    await harness.report(before[1], "running")
    await harness.delete(one)
    assert (waiting[0].run_id, [other.id]) in contents_of(await harness.relay_jobs())


async def test_a_silent_run_is_dispatched_and_given_up_for_all_segments(harness: RunsHarness) -> None:
    segments = await harness.create_many(3)
    runs = await harness.request_many()
    ids = [segment.id for segment in segments]
    dispatched = contents_of(await harness.relay_jobs())
    for _ in range(2 * MAX_ATTEMPTS):
        harness.clock.advance(LEASE_S)
        await harness.silent_runs.revive()
        dispatched += contents_of(await harness.relay_jobs())
    assert dispatched == [(runs[0].run_id, ids)] * MAX_ATTEMPTS
    assert await harness.states(runs) == ["failed"] * 3


async def test_many_segments_are_queued_in_transactions_of_a_few() -> None:
    harness = RunsHarness(segments_at_once=3)
    segments = await harness.create_many(7)
    ids = [segment.id for segment in segments]
    runs = await harness.request_many()
    assert [run.segment_id for run in runs] == ids
    assert contents_of(await harness.relay_jobs()) == [(runs[n].run_id, ids[n : n + 3]) for n in (0, 3, 6)]
    assert len({run.as_of for run in runs}) == 1
    for run in runs:
        await harness.report(run, "succeeded")
    some = await harness.request_many(segments[1], segments[6])
    assert [run.segment_id for run in some] == [ids[1], ids[6]]


async def test_a_run_at_a_chosen_instant_is_never_shared(harness: RunsHarness) -> None:
    segments = await harness.create_many(2)
    chosen = harness.clock.now() - timedelta(hours=1)
    runs = [await harness.request_many(*segments, as_of=chosen) for _ in range(2)]
    assert len({run.run_id for both in runs for run in both}) == 2
    assert {run.as_of for both in runs for run in both} == {chosen}
    assert len(await harness.relay()) == 2


async def test_a_job_carries_a_common_reference_once(harness: RunsHarness) -> None:
    inner = await harness.create("inner")
    outer = [await harness.create(name, definition=referring(inner.id)) for name in ("left", "right")]
    await harness.request_many(*outer)
    await harness.request_many(*outer, inner, as_of=harness.clock.now())
    references = [[segment.id for segment in job.references] for job in await harness.relay_jobs()]
    assert references == [[inner.id], []], "a segment that the run evaluates must not be a reference as well"


def test_a_run_has_as_many_segments_as_its_message_has_room_for() -> None:
    half = MAX_TOTAL_BYTES // 2
    shared = Node(frozenset(), half)
    graph = {0: shared} | {number: Node(frozenset({0}), half // 2) for number in range(1, 6)}
    assert list(portions([1, 2, 3, 4, 5], graph)) == [[1, 2], [3, 4], [5]]
    assert list(portions([0, 1, 2], graph)) == [[0, 1, 2]], (
        "a reference that the run evaluates anyway takes no extra room"
    )
    small = {number: Node(frozenset(), 1) for number in range(MAX_SEGMENTS_OF_A_RUN + 1)}
    assert [len(portion) for portion in portions(list(small), small)] == [MAX_SEGMENTS_OF_A_RUN, 1]
    wide = {number: Node(frozenset(), 1) for number in range(MAX_REFERENCES + 1)}
    wide |= {1000: Node(frozenset(range(MAX_REFERENCES)), 1), 1001: Node(frozenset({MAX_REFERENCES}), 1)}
    assert list(portions([1000, 1001], wide)) == [[1000], [1001]]
    assert list(portions([], {})) == []
