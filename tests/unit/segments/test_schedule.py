"""Hourly runs and silent runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from segops_segments.domain.run import MAX_ATTEMPTS
from tests.unit.segments.harness import LEASE_S, START, RunsHarness


@pytest.fixture
def harness() -> RunsHarness:
    return RunsHarness()


async def test_a_silent_run_is_dispatched_once_a_lease_and_finally_given_up(harness: RunsHarness) -> None:
    run = await harness.request(await harness.create())
    dispatched = len(await harness.relay())
    for _ in range(3 * MAX_ATTEMPTS):
        harness.clock.advance(LEASE_S / 2)
        await harness.silent_runs.revive()
        await harness.silent_runs.revive()
        dispatched += len(await harness.relay())
    assert dispatched == MAX_ATTEMPTS
    lost = await harness.read(run)
    assert (lost.state, lost.problem.type if lost.problem else "") == (
        "failed",
        "https://segops.dev/problems/run-lost",
    )
    assert await harness.silent_runs.revive() == 0


async def test_a_run_whose_message_is_not_sent_yet_is_not_dispatched_again(harness: RunsHarness) -> None:
    run = await harness.request(await harness.create())
    harness.clock.advance(10 * LEASE_S)
    assert await harness.silent_runs.revive() == 0
    assert await harness.relay() == [run.run_id]


async def test_signs_of_life_keep_a_run_from_being_dispatched_again(harness: RunsHarness) -> None:
    run = await harness.request(await harness.create())
    await harness.relay()
    for _ in range(10):
        harness.clock.advance(LEASE_S * 0.9)
        await harness.report(run, "running")
        assert await harness.silent_runs.revive() == 0
    assert await harness.relay() == []


async def test_an_hourly_segment_is_computed_at_once_and_then_every_hour(harness: RunsHarness) -> None:
    segment = await harness.create(refresh="hourly")
    await harness.create("manual")
    ages = []
    for _ in range(4 * 60):
        if await harness.hourly_runs.request_due():
            (run_id,) = await harness.relay()
            run = await harness.runs.get(1, segment.id, run_id)
            assert (run.requested_by, run.fixed, run.as_of) == ("schedule", False, harness.clock.now())
            ages.append(harness.clock.now() - START)
            await harness.report(run, "succeeded")
        harness.clock.advance(60)
    assert ages == [timedelta(hours=hours) for hours in range(4)]


async def test_the_hour_begins_with_the_last_run_whoever_requested_it(harness: RunsHarness) -> None:
    segment = await harness.create(refresh="hourly")
    harness.clock.advance(600)
    run = await harness.request(segment)
    await harness.relay()
    await harness.report(run, "failed")
    harness.clock.advance(59 * 60)
    assert await harness.hourly_runs.request_due() == 0
    harness.clock.advance(60)
    await harness.request(segment, as_of=datetime(2026, 1, 31, tzinfo=UTC))
    assert await harness.hourly_runs.request_due() == 1


async def test_the_hourly_segments_of_a_tenant_come_to_share_their_runs(harness: RunsHarness) -> None:
    segments = []
    for number in range(4):
        segments.append(await harness.create(f"{number}", refresh="hourly"))
        for _ in range(17):
            await run_scheduler_for_a_minute(harness)
    jobs = [job for _ in range(121) for job in await run_scheduler_for_a_minute(harness)]
    assert jobs[-1] == {segment.id for segment in segments}
    assert len(jobs) <= 3


async def run_scheduler_for_a_minute(harness: RunsHarness) -> list[set[int]]:
    """Let the jobs of this minute succeed at once; return the segments of each."""
    await harness.hourly_runs.request_due()
    jobs = await harness.relay_jobs()
    for part in await harness.store.find_parts([(job.tenant_id, job.run_id) for job in jobs]):
        await harness.report(part, "succeeded")
    harness.clock.advance(60)
    return [{segment.id for segment in job.segments} for job in jobs]


async def test_several_processes_request_an_hourly_run_once(harness: RunsHarness) -> None:
    for tenant_id in (1, 2):
        await harness.create(tenant_id=tenant_id, refresh="hourly")
    assert sum(await asyncio.gather(*(harness.hourly_runs.request_due() for _ in range(3)))) == 2
    assert len(await harness.relay()) == 2


async def test_hourly_segments_beyond_the_limit_of_a_transaction_are_requested_next() -> None:
    harness = RunsHarness(segments_at_once=2)
    for number in range(5):
        await harness.create(f"{number}", refresh="hourly")
    assert [await harness.hourly_runs.request_due() for _ in range(4)] == [2, 2, 1, 0]


async def test_a_queued_run_is_not_duplicated_every_hour(harness: RunsHarness) -> None:
    await harness.create(refresh="hourly")
    for _ in range(10):
        await harness.hourly_runs.request_due()
        harness.clock.advance(3600)
    assert len(await harness.relay()) == 1
