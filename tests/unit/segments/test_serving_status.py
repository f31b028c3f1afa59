"""Which members a segment serves, and when they are stale."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_language import Group
from segops_segments.adapters.files.spool import file_spool
from segops_segments.domain.run import MAX_ATTEMPTS, RunPart
from segops_segments.domain.segment import NOBODY, Change, NewSegment, Segment
from segops_segments.domain.serving_status import ServingStatus
from segops_segments.service.static_lists import ChangeStaticLists
from tests.unit.segments.harness import LEASE_S, PROBLEM, RunsHarness
from tests.unit.segments.store_builders import definition, referring


@pytest.fixture
def harness() -> RunsHarness:
    return RunsHarness()


async def finish(harness: RunsHarness, run: RunPart, status: str, *, published: bool = True) -> None:
    harness.clock.advance(1)
    result = {"segment_id": run.segment_id, "version": run.version, "size": 5, "entered": 5, "exited": 0}
    more = {} if status == "failed" else {"segments": [result | {"published": published}]}
    await harness.report(run, status, **more)


async def compute(harness: RunsHarness, segment: Segment, status: str = "succeeded") -> RunPart:
    run = await harness.request(segment)
    await harness.relay()
    await finish(harness, run, status)
    return run


def summary(status: ServingStatus) -> tuple[int | None, str | None]:
    return status.served.run_id if status.served else None, status.reason


async def test_members_are_served_until_a_later_run_publishes(harness: RunsHarness) -> None:
    segment = await harness.create()
    assert summary(await harness.serving_status(segment)) == (None, "never-computed")
    first = await compute(harness, segment)
    assert summary(await harness.serving_status(segment)) == (first.run_id, None)

    await compute(harness, segment, "failed")
    status = await harness.serving_status(segment)
    assert summary(status) == (first.run_id, "last-run-failed")
    assert status.problem == PROBLEM

    later = await compute(harness, segment)
    assert summary(await harness.serving_status(segment)) == (later.run_id, None)


async def test_a_failure_before_the_first_published_run_is_the_reason(harness: RunsHarness) -> None:
    segment = await harness.create()
    await compute(harness, segment, "failed")
    assert summary(await harness.serving_status(segment)) == (None, "last-run-failed")


async def test_a_lost_run_makes_stale_until_its_late_report(harness: RunsHarness) -> None:
    segment = await harness.create()
    first = await compute(harness, segment)
    lost = await harness.request(segment)
    for _ in range(MAX_ATTEMPTS):
        await harness.relay()
        harness.clock.advance(LEASE_S)
        await harness.silent_runs.revive()
    status = await harness.serving_status(segment)
    assert summary(status) == (first.run_id, "last-run-failed")
    assert status.problem is not None
    assert status.problem.type.endswith("/run-lost")
    await finish(harness, lost, "succeeded")
    assert summary(await harness.serving_status(segment)) == (lost.run_id, None)


async def test_a_new_definition_makes_stale_and_a_new_name_does_not(harness: RunsHarness) -> None:
    segment = await harness.create()
    first = await compute(harness, segment)
    await harness.segments.change(1, segment.id, Change(name="other"), expected=None, by="user:1")
    assert summary(await harness.serving_status(segment)) == (first.run_id, None)
    await harness.segments.change(1, segment.id, Change(definition=definition(7)), expected=None, by="user:1")
    assert summary(await harness.serving_status(segment)) == (first.run_id, "definition-changed")
    later = await compute(harness, segment)
    assert summary(await harness.serving_status(segment)) == (later.run_id, None)


async def test_a_run_at_an_earlier_instant_does_not_change_what_is_served(harness: RunsHarness) -> None:
    segment = await harness.create()
    first = await compute(harness, segment)
    yesterday = harness.clock.now() - timedelta(days=1)
    for status in ("succeeded", "failed"):
        past = await harness.request(segment, as_of=yesterday)
        await finish(harness, past, status, published=False)
        assert summary(await harness.serving_status(segment)) == (first.run_id, None)


async def change(harness: RunsHarness, segment: Segment, group: Group) -> None:
    await harness.segments.change(1, segment.id, Change(definition=group), expected=None, by="user:1")


async def test_a_changed_reference_makes_stale_until_the_next_run_however_far_it_is(harness: RunsHarness) -> None:
    far = await harness.create("far", definition=definition(1))
    near = await harness.create("near", definition=referring(far.id))
    segment = await harness.create("own", definition=referring(near.id))
    other = await harness.create("other", definition=definition(3))
    for present in (far, near, segment, other):
        await compute(harness, present)
    await harness.segments.change(1, far.id, Change(name="renamed"), expected=None, by="user:1")
    assert (await harness.serving_status(segment)).reason is None

    await change(harness, far, definition(2))
    reasons = [(await harness.serving_status(present)).reason for present in (far, near, segment, other)]
    assert reasons == ["definition-changed", "reference-changed", "reference-changed", None]
    await compute(harness, segment)
    assert [(await harness.serving_status(present)).reason for present in (near, segment)] == [
        "reference-changed",
        None,
    ]


async def test_a_reference_that_changes_while_a_run_is_on_its_way_makes_stale(harness: RunsHarness) -> None:
    referred = await harness.create("referred", definition=definition(1))
    segment = await harness.create("own", definition=referring(referred.id))
    run = await harness.request(segment)
    await harness.relay()
    await change(harness, referred, definition(2))
    await finish(harness, run, "succeeded")
    assert (await harness.serving_status(segment)).reason == "reference-changed"


async def test_a_queued_run_that_is_renewed_reads_the_changed_reference(harness: RunsHarness) -> None:
    referred = await harness.create("referred", definition=definition(1))
    segment = await harness.create("own", definition=referring(referred.id))
    await harness.request(segment)
    await change(harness, referred, definition(2))
    run = await harness.request(segment)
    await harness.relay()
    await finish(harness, run, "succeeded")
    assert (await harness.serving_status(segment)).reason is None


async def test_a_changed_static_list_makes_stale_the_segments_that_refer_to_it(harness: RunsHarness) -> None:
    new = NewSegment(
        tenant_id=1, name="vip", segment_type="static", definition=NOBODY, description="", refresh="manual"
    )
    static = await harness.segments.create(new, by="user:1")
    segment = await harness.create("own", definition=referring(static.id))
    await compute(harness, segment)
    assert (await harness.serving_status(segment)).reason is None
    lists = ChangeStaticLists(store=harness.store, queue=harness.queue, spools=file_spool, clock=harness.clock)
    await lists.change(1, static.id, add=["ada"], remove=[], expected=None, by="user:1")
    assert (await harness.serving_status(segment)).reason == "reference-changed"
    await compute(harness, segment)
    assert (await harness.serving_status(segment)).reason is None


async def test_an_hourly_run_ends_the_staleness_by_a_reference(harness: RunsHarness) -> None:
    referred = await harness.create("referred", definition=definition(1))
    segment = await harness.create("own", definition=referring(referred.id), refresh="hourly")
    await compute(harness, segment)
    await change(harness, referred, definition(2))
    harness.clock.advance(3600)
    assert await harness.hourly_runs.request_due() == 1
    (run_id,) = await harness.relay()
    await finish(harness, await harness.runs.get(1, segment.id, run_id), "succeeded")
    assert (await harness.serving_status(segment)).reason is None
