"""Compute runs from the job to what other services and lookups see, on memory adapters."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from segops_common.contracts.jobs import (
    FailedResult,
    RunningResult,
    StaticMembersChanged,
    SucceededResult,
    SupersededResult,
)
from segops_language import Group
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken
from segops_membership.service.static_lists import WAIT_S
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job
from tests.corpus.crash_points import DECIDED, POINTS
from tests.unit.membership.harness import LEASE, TENANT, Crash, MembershipInMemory, failures_of

LOGGED_IN, BOUGHT, NOBODY = group(count()), group(count("purchase")), group(logic="OR")
NOWHERE = group({"type": "segment", "segment_id": 99})
EARLIER = NOW - timedelta(hours=1)


def member_of(segment_id: int, *, negate: bool = False) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id, "negate": negate}


def refuse(membership: MembershipInMemory, definition: Group) -> None:
    """Let the warehouse refuse what the definition needs."""
    membership.evaluation.refused = predicates_of(compile_definition(definition, NOW_MS, segment_id=1))


def changes(membership: MembershipInMemory, run_id: int) -> list[tuple[int, str, str]]:
    return sorted(change for _, run, change in membership.reporter.changes if run == run_id)


async def test_a_run_numbers_new_profiles_and_publishes_their_segments(membership: MembershipInMemory) -> None:
    membership.store(event("ada"), event("bob", "purchase"))
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 20: BOUGHT}))

    started, result = membership.reporter.results
    assert isinstance(started, RunningResult)
    assert isinstance(result, SucceededResult)
    assert [(segment.segment_id, segment.size, segment.entered, segment.exited) for segment in result.segments] == [
        (10, 1, 1, 0),
        (20, 1, 1, 0),
    ]
    assert (result.counts.universe, result.failures) == (2, ())
    assert await membership.segments_of("ada", "bob", "nobody") == [(10,), (20,), ()]
    assert changes(membership, 1) == [(10, "ada", "entered"), (20, "bob", "entered")]


async def test_a_run_is_compared_with_the_published_members(membership: MembershipInMemory) -> None:
    membership.store(event("stays"), event("leaves"))
    recent = group(count(window={"last": "1m"}))
    await membership.compute.run(job(TENANT, 1, {10: recent}))
    later = NOW + timedelta(minutes=5)
    membership.store(*(event(user, at=NOW_MS + 290_000) for user in ("stays", "comes")))
    await membership.compute.run(job(TENANT, 2, {10: recent}, as_of=later))

    (segment,) = membership.succeeded().segments
    assert (segment.size, segment.entered, segment.exited) == (2, 1, 1)
    assert changes(membership, 2) == [(10, "comes", "entered"), (10, "leaves", "exited")]
    assert await membership.segments_of("stays", "comes", "leaves") == [(10,), (10,), ()]


async def test_a_digest_does_not_depend_on_the_way_to_the_members(membership: MembershipInMemory) -> None:
    membership.store(event("ada"), event("bob"))
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    membership.store(event("cyd"))
    await membership.compute.run(job(TENANT, 2, {10: LOGGED_IN}))
    await membership.compute.run(job(TENANT, 3, {20: LOGGED_IN}))
    results = [result for result in membership.reporter.results if isinstance(result, SucceededResult)]
    stepwise, at_once = (result.segments[0].digest for result in results[1:])
    assert stepwise is not None
    assert stepwise == at_once


async def test_segments_see_the_segments_that_they_refer_to(membership: MembershipInMemory) -> None:
    membership.store(event("in"), event("both"), event("both", "purchase"), event("out", "purchase"))
    segments = {10: group(member_of(20), member_of(30, negate=True))}
    await membership.compute.run(
        job(TENANT, 1, segments, references={20: LOGGED_IN, 30: group(member_of(40)), 40: BOUGHT})
    )
    assert await membership.segments_of("in", "both", "out") == [(10,), (), ()]


@pytest.mark.parametrize("references", [{}, {20: group(member_of(11))}, {20: group(member_of(20))}])
async def test_a_broken_reference_fails_its_segment_alone(
    membership: MembershipInMemory, references: dict[int, Group]
) -> None:
    membership.store(event("ada"))
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 11: group(member_of(20))}, references=references))
    result = membership.succeeded()
    assert failures_of(result) == {11: "reference-broken"}
    assert [segment.segment_id for segment in result.segments] == [10]
    assert await membership.segments_of("ada") == [(10,)]


async def test_a_run_that_fails_for_every_segment_has_failed(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    refuse(membership, BOUGHT)
    await membership.compute.run(job(TENANT, 1, {10: NOWHERE, 20: BOUGHT}))
    result = membership.failed()
    assert failures_of(result) == {10: "reference-broken", 20: "evaluation-refused"}
    assert result.problem in [failure.problem for failure in result.failures]
    assert (await membership.publications.head(TENANT)).number == 0


async def test_a_run_whose_segments_cannot_be_compiled_reads_nothing(membership: MembershipInMemory) -> None:
    await membership.compute.run(job(TENANT, 1, {10: NOWHERE}))
    assert failures_of(membership.failed()) == {10: "reference-broken"}
    assert membership.evaluation.evaluated == []


async def test_a_refused_predicate_fails_the_segments_that_need_it(membership: MembershipInMemory) -> None:
    membership.store(event("ada"), event("ada", "purchase"))
    refuse(membership, BOUGHT)
    segments = {10: LOGGED_IN, 20: BOUGHT, 30: group(member_of(20)), 40: group(count(), count("purchase"))}
    await membership.compute.run(job(TENANT, 1, segments))
    result = membership.succeeded()
    assert failures_of(result) == dict.fromkeys((20, 30, 40), "evaluation-refused")
    assert [segment.segment_id for segment in result.segments] == [10]


async def test_a_refused_universe_fails_the_run(membership: MembershipInMemory) -> None:
    membership.evaluation.refuses_universe = True
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 20: NOWHERE}))
    assert failures_of(membership.failed()) == {10: "evaluation-refused", 20: "reference-broken"}


async def test_a_later_run_supersedes_an_earlier_one(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    await membership.compute.run(job(TENANT, 2, {10: LOGGED_IN}))
    await membership.compute.run(job(TENANT, 1, {10: NOBODY}))
    assert isinstance(membership.last_result, SupersededResult)
    assert await membership.segments_of("ada") == [(10,)]
    assert (await membership.publications.head(TENANT)).run_id == 2


async def test_only_the_segments_of_later_runs_are_superseded(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    await membership.compute.run(job(TENANT, 2, {10: LOGGED_IN}))
    await membership.compute.run(job(TENANT, 1, {10: NOBODY, 20: group(member_of(10, negate=True))}))
    assert [segment.segment_id for segment in membership.succeeded().segments] == [20]
    # The superseded segment counts by its definition in the job.
    assert await membership.segments_of("ada") == [(10, 20)]


async def test_a_run_as_of_the_past_is_recorded_and_not_published(membership: MembershipInMemory) -> None:
    membership.store(event("old", at=NOW_MS - 3_600_000), event("new"))
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    await membership.compute.run(job(TENANT, 2, {10: LOGGED_IN}, as_of=EARLIER))
    (segment,) = membership.succeeded().segments
    assert (segment.size, segment.entered, segment.exited, segment.published) == (1, 0, 0, False)
    assert await membership.segments_of("old", "new") == [(10,), (10,)]
    assert (await membership.publications.head(TENANT)).run_id == 1


async def test_a_repeated_job_publishes_once(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    for _ in range(2):
        await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    assert [type(result) for result in membership.reporter.results] == [RunningResult, SucceededResult]
    assert len(membership.reporter.changes) == 1


async def test_a_job_that_cannot_be_read_is_reported_as_failed(membership: MembershipInMemory) -> None:
    await membership.compute.refuse(TENANT, 7)
    (result,) = membership.reporter.results
    assert isinstance(result, FailedResult)
    assert (result.run_id, result.problem.type.rsplit("/", 1)[1]) == (7, "definition-unreadable")


@pytest.mark.parametrize("point", POINTS)
async def test_the_next_delivery_finishes_what_a_crash_interrupted(membership: MembershipInMemory, point: str) -> None:
    membership.store(event("u"))
    await membership.compute.run(job(TENANT, 1, {1: LOGGED_IN, 2: NOBODY}))
    membership.store(event("new"))
    second = job(TENANT, 2, {1: NOBODY, 2: LOGGED_IN})

    with membership.crash_at(point), pytest.raises(Crash):
        await membership.compute.run(second)
    before = await membership.segments_of("u")
    decided = await membership.publications.find(TENANT, 2)
    await membership.compute.run(second)

    assert before in ([(1,)], [(2,)])
    assert (decided is not None) == (point in DECIDED)
    assert await membership.segments_of("u", "new") == [(2,), (2,)]
    assert (await membership.publications.head(TENANT)).number == 2
    publication = await membership.publications.find(TENANT, 2)
    assert publication is not None
    assert publication.reported
    assert changes(membership, 2) == [(1, "u", "exited"), (2, "new", "entered"), (2, "u", "entered")]


async def test_a_run_makes_visible_first_what_a_crashed_one_has_decided(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    with membership.crash_at("before_show"), pytest.raises(Crash):
        await membership.compute.run(job(TENANT, 1, {1: LOGGED_IN}))
    assert await membership.segments_of("ada") == [()]
    await membership.compute.run(job(TENANT, 2, {2: LOGGED_IN}))
    assert await membership.segments_of("ada") == [(1, 2)]
    visible = sorted(result.number for result in membership.run_results.visible.values())
    assert visible == [1, 2]


async def test_a_worker_that_loses_its_lease_publishes_nothing(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))

    async def freeze() -> None:
        membership.evaluation.before = None
        membership.clock.advance(LEASE.total_seconds() + 1)
        await membership.leases.acquire(TENANT, "another", LEASE)

    membership.evaluation.before = freeze
    with pytest.raises(LeaseLost):
        await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    assert await membership.publications.find(TENANT, 1) is None
    assert await membership.segments_of("ada") == [()]
    assert membership.run_results.change_rows == {}


async def test_a_job_waits_for_the_lease_of_another_worker(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    fence = await membership.leases.acquire(TENANT, "another", LEASE)
    waiting = asyncio.create_task(membership.compute.run(job(TENANT, 1, {10: LOGGED_IN})))
    await membership.until_asleep()
    await membership.leases.release(TENANT, fence)
    membership.clock.advance(1)
    await waiting
    assert await membership.segments_of("ada") == [(10,)]


async def test_a_job_gives_up_on_a_lease_that_is_renewed(membership: MembershipInMemory) -> None:
    await membership.leases.acquire(TENANT, "another", 10 * LEASE)
    waiting = asyncio.create_task(membership.compute.run(job(TENANT, 1, {10: LOGGED_IN})))
    await membership.until_asleep()
    membership.clock.advance(LEASE.total_seconds() + 2)
    with pytest.raises(LeaseTaken):
        await waiting


async def test_the_lease_is_renewed_while_a_run_takes_long(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))

    async def take_long() -> None:
        membership.evaluation.before = None
        for _ in range(10):
            await membership.until_asleep()
            membership.clock.advance(LEASE.total_seconds() / 3)
            await asyncio.sleep(0)

    membership.evaluation.before = take_long
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    assert await membership.segments_of("ada") == [(10,)]


async def test_the_lease_is_released_after_a_run(membership: MembershipInMemory) -> None:
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    await membership.leases.acquire(TENANT, "another", LEASE)


async def test_a_run_whose_result_cannot_be_reported_is_reported_by_the_next_delivery(
    membership: MembershipInMemory,
) -> None:
    membership.store(event("ada"))

    async def disconnect() -> None:
        membership.reporter.reachable = False

    membership.evaluation.before = disconnect
    with pytest.raises(EngineUnavailable):
        await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    membership.reporter.reachable = True
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    assert [type(result) for result in membership.reporter.results] == [RunningResult, SucceededResult]
    assert changes(membership, 1) == [(10, "ada", "entered")]


async def test_progress_is_reported_while_a_run_takes_long(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))

    async def take_long() -> None:
        membership.evaluation.before = None
        await membership.until_asleep(sleepers=2)
        membership.clock.advance(1)
        await membership.until_asleep(sleepers=2)

    membership.evaluation.before = take_long
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN}))
    phases = [
        result.progress.phase
        for result in membership.reporter.results
        if isinstance(result, RunningResult) and result.progress is not None
    ]
    assert phases == ["evaluating"]


async def test_users_of_a_list_are_members_without_events(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    await membership.replace_list(30, 1, ["ada", "listed"])
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 20: group(member_of(30))}, lists={30: 1}))
    assert membership.succeeded().counts.universe == 2
    assert await membership.segments_of("ada", "listed") == [(10, 20, 30), (20, 30)]


async def test_an_incomplete_list_fails_the_segments_that_depend_on_it(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    second_of_two = StaticMembersChanged(
        tenant_id=TENANT, segment_id=30, list_version=1, base_version=0, part=2, parts=2, add=("ada",)
    )
    assert await membership.lists.store([second_of_two]) == [second_of_two]
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 20: group(member_of(30))}, lists={30: 1}))
    assert failures_of(membership.succeeded()) == dict.fromkeys((20, 30), "static-list-incomplete")
    assert await membership.segments_of("ada") == [(10,)]


async def test_a_run_waits_for_a_list_and_is_tried_again_when_it_does_not_arrive(
    membership: MembershipInMemory,
) -> None:
    with_late_list = job(TENANT, 1, {}, lists={30: 2})
    waiting = asyncio.create_task(membership.compute.run(with_late_list))
    await membership.until_asleep(sleepers=2)
    membership.clock.advance(WAIT_S + 1)
    with pytest.raises(EngineUnavailable):
        await waiting
    await membership.replace_list(30, 2, ["listed"])
    await membership.compute.run(with_late_list)
    assert await membership.segments_of("listed") == [(30,)]
