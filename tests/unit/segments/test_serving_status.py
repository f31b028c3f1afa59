"""Which members a segment serves, and when they are stale."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segops_segments.domain.run import MAX_ATTEMPTS, RunPart
from segops_segments.domain.segment import Change, Segment
from segops_segments.domain.serving_status import ServingStatus
from tests.unit.segments.harness import LEASE_S, PROBLEM, RunsHarness
from tests.unit.segments.store_builders import definition


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
