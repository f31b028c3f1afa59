"""Runs on the store in memory, with a clock that stands still."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from segops_common.contracts.jobs import ComputeJob, ComputeResultMessage, FailedResult, RunProblem
from segops_common.core.problems import NotFound, PreconditionFailed
from segops_language import parse_definition
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.run import MAX_ATTEMPTS, Run
from segops_segments.domain.segment import NOBODY, NewSegment, Refresh, Segment
from segops_segments.service.request_runs import RunService
from segops_segments.service.segments.manage import SegmentService
from segops_testkit.clock import ManualClock

LEASE = timedelta(minutes=15)
LEASE_S = LEASE.total_seconds()
DEFINITION = parse_definition({"logic": "OR", "conditions": []})

PROBLEM = RunProblem(type="t", title="t", detail="d")


class World:
    """The use cases, and the hands of a relay."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 31, 9, tzinfo=UTC))
        self.store = MemoryStore()
        self.segments = SegmentService(store=self.store, clock=self.clock)
        self.runs = RunService(store=self.store, clock=self.clock, lease=LEASE)

    async def segment(self, name: str = "Loyal", tenant_id: int = 1, refresh: Refresh = "manual") -> Segment:
        new = NewSegment(
            tenant_id=tenant_id,
            name=name,
            segment_type="rule",
            definition=DEFINITION,
            description="",
            refresh=refresh,
        )
        return await self.segments.create(new, by="user:1")

    async def request(self, segment: Segment) -> Run:
        return await self.runs.request(segment.tenant_id, segment.id, as_of=None, by="user:1")

    async def relay(self) -> list[int]:
        """Send everything; the runs of the jobs among it."""
        return [job.run_id for job in await self.relay_jobs()]

    async def relay_jobs(self) -> list[ComputeJob]:
        """Send everything; the jobs among it."""
        async with self.store.claim(1000) as claim:
            for message in claim.messages:
                await claim.mark_sent(message.id, self.clock.now())
            jobs = [each.value for each in claim.messages if each.topic == "segops.compute-jobs"]
        return [ComputeJob.model_validate_json(job) for job in jobs]

    async def word(self, run: Run, status: str) -> None:
        result = {"run_id": run.id, "tenant_id": run.tenant_id, "status": status, "at": self.clock.now()}
        await self.runs.apply(ComputeResultMessage.model_validate(result | {"problem": PROBLEM}).root)

    async def now(self, run: Run) -> Run:
        return await self.runs.get(run.tenant_id, run.segment_id, run.id)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_silent_run_is_announced_once_a_lease_and_given_up_in_the_end(world: World) -> None:
    run = await world.request(await world.segment())
    announced = len(await world.relay())
    for _ in range(3 * MAX_ATTEMPTS):
        world.clock.advance(LEASE_S / 2)
        await world.runs.sweep()
        await world.runs.sweep()
        announced += len(await world.relay())
    assert announced == MAX_ATTEMPTS
    lost = await world.now(run)
    assert (lost.state, lost.problem.type if lost.problem else "") == (
        "failed",
        "https://segops.dev/problems/run-lost",
    )
    assert await world.runs.sweep() == 0


async def test_a_run_whose_message_still_waits_is_not_announced_again(world: World) -> None:
    run = await world.request(await world.segment())
    world.clock.advance(10 * LEASE_S)
    assert await world.runs.sweep() == 0
    assert await world.relay() == [run.id]


async def test_signs_of_life_keep_a_run_from_being_announced(world: World) -> None:
    run = await world.request(await world.segment())
    await world.relay()
    for _ in range(10):
        world.clock.advance(LEASE_S * 0.9)
        await world.word(run, "running")
        assert await world.runs.sweep() == 0
    assert await world.relay() == []


@pytest.mark.parametrize("status", ["running", "succeeded", "failed", "superseded"])
async def test_the_waiting_run_goes_when_the_one_before_it_is_taken_up(world: World, status: str) -> None:
    segment = await world.segment()
    first = await world.request(segment)
    await world.relay()
    waiting = await world.request(segment)
    assert await world.relay() == []
    world.clock.advance(60)
    await world.word(first, status)
    await world.word(first, status)
    assert await world.relay() == [waiting.id]


async def test_the_waiting_run_goes_when_the_one_before_it_is_given_up(world: World) -> None:
    segment = await world.segment()
    await world.request(segment)
    await world.relay()
    waiting = await world.request(segment)
    announced: list[int] = []
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(LEASE_S)
        await world.runs.sweep()
        announced += await world.relay()
    assert announced[-1] == waiting.id
    assert (await world.now(waiting)).attempts == 1


async def test_a_request_joins_a_run_only_when_the_run_sees_up_to_it(world: World) -> None:
    segment = await world.segment()
    seen: dict[int, datetime] = {}
    for step in range(6):
        world.clock.advance(1)
        run = await world.request(segment)
        seen[run.id] = world.clock.now()
        if step in (1, 3):
            await world.relay()
    assert len(seen) == 2
    for run in (await world.runs.list(1, segment.id, cursor=None, limit=10)).items:
        assert run.as_of == seen[run.id]


async def test_runs_of_other_segments_do_not_wait_for_each_other(world: World) -> None:
    one, other = await world.segment("one"), await world.segment("other")
    runs = [await world.request(one), await world.request(other)]
    assert await world.relay() == [run.id for run in runs]


async def test_word_about_a_run_nobody_knows_is_passed_over(world: World) -> None:
    run = await world.request(await world.segment())
    stranger = FailedResult(run_id=run.id, tenant_id=2, at=world.clock.now(), problem=PROBLEM)
    await world.runs.apply(stranger)
    assert (await world.now(run)).state == "queued"


async def test_a_deleted_segment_leaves_one_run_that_could_start_and_it_is_of_nobody(world: World) -> None:
    segment = await world.segment()
    first = await world.request(segment)
    await world.relay()
    waiting = await world.request(segment)
    with pytest.raises(PreconditionFailed):
        await world.runs.delete_segment(1, segment.id, expected=9, by="user:1")
    await world.runs.delete_segment(1, segment.id, expected=None, by="user:1")
    await world.word(first, "running")
    [farewell] = await world.relay_jobs()
    assert [(each.id, each.definition) for each in farewell.segments] == [(segment.id, NOBODY)]
    assert farewell.run_id > waiting.id
    world.clock.advance(24 * 3600)
    await world.runs.sweep()
    assert farewell.run_id in await world.relay()
    assert (await world.now(waiting)).state == "superseded"
    with pytest.raises(NotFound):
        await world.request(segment)


async def test_an_hourly_segment_is_computed_at_once_and_then_every_hour(world: World) -> None:
    segment = await world.segment(refresh="hourly")
    await world.segment("by hand")
    begun = world.clock.now()
    seen = []
    for _ in range(4 * 60):
        if await world.runs.refresh():
            (run_id,) = await world.relay()
            run = await world.runs.get(1, segment.id, run_id)
            assert (run.requested_by, run.fixed, run.as_of) == ("schedule", False, world.clock.now())
            seen.append(world.clock.now() - begun)
            await world.word(run, "succeeded")
        world.clock.advance(60)
    assert seen == [timedelta(hours=hours) for hours in range(4)]


async def test_the_hour_begins_with_the_last_run_whoever_asked_for_it(world: World) -> None:
    segment = await world.segment(refresh="hourly")
    world.clock.advance(600)
    run = await world.request(segment)
    await world.relay()
    await world.word(run, "failed")
    world.clock.advance(59 * 60)
    assert await world.runs.refresh() == 0
    world.clock.advance(60)
    past = datetime(2026, 1, 31, tzinfo=UTC)
    await world.runs.request(1, segment.id, as_of=past, by="user:1")
    assert await world.runs.refresh() == 1


async def test_hourly_segments_of_a_tenant_come_together(world: World) -> None:
    segments = []
    for number in range(4):
        segments.append(await world.segment(f"{number}", refresh="hourly"))
        for _ in range(17):
            await refresh_and_finish(world)
    jobs = [job for _ in range(121) for job in await refresh_and_finish(world)]
    assert jobs[-1] == {each.id for each in segments}
    assert len(jobs) <= 3


async def refresh_and_finish(world: World) -> list[set[int]]:
    """The segments of each job of this minute; the jobs are done at once."""
    await world.runs.refresh()
    jobs = await world.relay_jobs()
    for run in await world.store.find_runs([(job.tenant_id, job.run_id) for job in jobs]):
        await world.word(run, "succeeded")
    world.clock.advance(60)
    return [{each.id for each in job.segments} for job in jobs]


async def test_two_processes_refresh_a_segment_once(world: World) -> None:
    for tenant_id in (1, 2):
        await world.segment(tenant_id=tenant_id, refresh="hourly")
    assert sum(await asyncio.gather(*(world.runs.refresh() for _ in range(3)))) == 2
    assert len(await world.relay()) == 2


async def test_what_does_not_fit_into_a_transaction_is_refreshed_next(world: World) -> None:
    runs = RunService(store=world.store, clock=world.clock, lease=LEASE, segments_at_once=2)
    for number in range(5):
        await world.segment(f"{number}", refresh="hourly")
    assert [await runs.refresh() for _ in range(4)] == [2, 2, 1, 0]


async def test_a_run_that_nobody_took_up_is_not_doubled_by_the_hour(world: World) -> None:
    await world.segment(refresh="hourly")
    for _ in range(10):
        await world.runs.refresh()
        world.clock.advance(3600)
    assert len(await world.relay()) == 1
