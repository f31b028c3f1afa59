"""Requesting runs of one segment: joining queued runs, waiting behind dispatched ones, deletion."""

from datetime import datetime

import pytest

from segops_common.core.pagination import PageQuery
from segops_common.core.problems import NotFound, PreconditionFailed
from segops_segments.domain.run import MAX_ATTEMPTS
from segops_segments.domain.segment import NOBODY
from tests.unit.segments.harness import LEASE_S, RunsHarness


@pytest.fixture
def harness() -> RunsHarness:
    return RunsHarness()


@pytest.mark.parametrize("status", ["running", "succeeded", "failed", "superseded"])
async def test_a_waiting_run_is_dispatched_when_the_run_before_it_starts(harness: RunsHarness, status: str) -> None:
    segment = await harness.create()
    first = await harness.request(segment)
    await harness.relay()
    waiting = await harness.request(segment)
    assert await harness.relay() == []
    harness.clock.advance(60)
    await harness.report(first, status)
    await harness.report(first, status)
    assert await harness.relay() == [waiting.run_id]


async def test_a_waiting_run_is_dispatched_when_the_run_before_it_is_given_up(harness: RunsHarness) -> None:
    segment = await harness.create()
    await harness.request(segment)
    await harness.relay()
    waiting = await harness.request(segment)
    dispatched: list[int] = []
    for _ in range(MAX_ATTEMPTS):
        harness.clock.advance(LEASE_S)
        await harness.silent_runs.revive()
        dispatched += await harness.relay()
    assert dispatched[-1] == waiting.run_id
    assert (await harness.read(waiting)).attempts == 1


async def test_a_request_joins_a_run_only_when_the_run_reads_the_events_up_to_it(harness: RunsHarness) -> None:
    segment = await harness.create()
    requested_at: dict[int, datetime] = {}
    for step in range(6):
        harness.clock.advance(1)
        run = await harness.request(segment)
        requested_at[run.run_id] = harness.clock.now()
        if step in (1, 3):
            await harness.relay()
    assert len(requested_at) == 2
    for run in (await harness.runs.list(1, segment.id, PageQuery(limit=10))).results:
        assert run.as_of == requested_at[run.run_id]


async def test_runs_of_different_segments_do_not_wait_for_each_other(harness: RunsHarness) -> None:
    one, other = await harness.create("one"), await harness.create("other")
    runs = [await harness.request(one), await harness.request(other)]
    assert await harness.relay() == [run.run_id for run in runs]


async def test_a_report_about_an_unknown_run_is_ignored(harness: RunsHarness) -> None:
    run = await harness.request(await harness.create())
    await harness.report(run, "failed", tenant_id=2)
    assert (await harness.read(run)).state == "queued"


async def test_deleting_a_segment_leaves_one_run_that_can_start_and_its_definition_is_empty(
    harness: RunsHarness,
) -> None:
    segment = await harness.create()
    first = await harness.request(segment)
    await harness.relay()
    waiting = await harness.request(segment)
    with pytest.raises(PreconditionFailed):
        await harness.delete(segment, expected=9)
    await harness.delete(segment)
    await harness.report(first, "running")
    [last] = await harness.relay_jobs()
    assert [(evaluated.id, evaluated.definition) for evaluated in last.segments] == [(segment.id, NOBODY)]
    assert last.run_id > waiting.run_id
    harness.clock.advance(24 * 3600)
    await harness.silent_runs.revive()
    assert last.run_id in await harness.relay()
    assert (await harness.read(waiting)).state == "superseded"
    with pytest.raises(NotFound):
        await harness.request(segment)
