"""Repeating incomplete runs, once the events that they lacked are stored."""

from __future__ import annotations

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, SINK_GROUP, Topic
from segops_common.streams.log import LogUnavailable, TopicPartition
from segops_common.streams.memory import MemoryEventLog
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import Segment
from tests.unit.segments.harness import RunsHarness

BEHIND = {"positions": 3, "seconds": 7.5}


@pytest.fixture
async def harness() -> RunsHarness:
    harness = RunsHarness()
    await harness.log.ensure_topics([EVENTS, EVENT_IMPORTS])
    return harness


async def acknowledge(harness: RunsHarness, topic: Topic = EVENTS) -> None:
    """Append an event to a partition."""
    await harness.log.append(topic, b"", b"{}", partition=3)


async def store(harness: RunsHarness, position: int, topic: Topic = EVENTS, group: str = SINK_GROUP) -> None:
    """Let the sink store the events before a position."""
    async with harness.log.consumer(group, [topic]) as consumer:
        await consumer.commit(TopicPartition(topic.name, 3), position)


async def compute(harness: RunsHarness, *segments: Segment, behind: object = BEHIND, status: str = "succeeded") -> None:
    """Request runs of the segments, and report them as finished."""
    for segment in segments:
        run = await harness.request(segment)
        await harness.relay()
        await finish(harness, run, behind=behind, status=status)


async def finish(harness: RunsHarness, run: RunPart, *, behind: object = None, status: str = "succeeded") -> None:
    result = {"segment_id": run.segment_id, "version": run.version, "size": 5, "entered": 5, "exited": 0}
    more = {} if status == "failed" else {"segments": [result], "behind": behind}
    await harness.report(run, status, **more)


async def test_an_incomplete_run_is_repeated_when_the_sink_has_caught_up(harness: RunsHarness) -> None:
    segment = await harness.create()
    await acknowledge(harness)
    await compute(harness, segment)
    status = await harness.serving_status(segment)
    assert status.reason == "run-incomplete"
    assert status.behind is not None
    assert (status.behind.positions, status.behind.seconds) == (3, 7.5)
    for _ in range(3):
        assert await harness.incomplete_runs.request_due() == 0, "the sink stands still"

    # Later events are not waited for.
    await acknowledge(harness)
    await store(harness, 1)
    assert await harness.incomplete_runs.request_due() == 1
    (run_id,) = await harness.relay()
    run = await harness.runs.get(1, segment.id, run_id)
    assert (run.requested_by, run.fixed) == ("catch-up", False)
    assert await harness.incomplete_runs.request_due() == 0, "it is requested already"
    await finish(harness, run)
    assert (await harness.serving_status(segment)).reason is None


async def test_a_repeated_run_that_is_incomplete_again_is_repeated_later(harness: RunsHarness) -> None:
    segment = await harness.create()
    await compute(harness, segment)
    assert await harness.incomplete_runs.request_due() == 1
    (run_id,) = await harness.relay()
    await acknowledge(harness)
    await finish(harness, await harness.runs.get(1, segment.id, run_id), behind=BEHIND)
    assert await harness.incomplete_runs.request_due() == 0
    await store(harness, 1)
    assert await harness.incomplete_runs.request_due() == 1


async def test_imports_that_were_lacking_are_waited_for(harness: RunsHarness) -> None:
    segment = await harness.create()
    await acknowledge(harness, EVENT_IMPORTS)
    await compute(harness, segment)
    assert await harness.incomplete_runs.request_due() == 0
    await store(harness, 1, EVENT_IMPORTS, IMPORT_SINK_GROUP)
    assert await harness.incomplete_runs.request_due() == 1


async def test_the_incomplete_segments_of_a_tenant_share_a_run(harness: RunsHarness) -> None:
    segments = await harness.create_many(3)
    await compute(harness, *segments)
    assert await harness.incomplete_runs.request_due() == 3
    (job,) = await harness.relay_jobs()
    assert {segment.id for segment in job.segments} == {segment.id for segment in segments}


async def test_complete_failed_and_deleted_segments_are_not_repeated(harness: RunsHarness) -> None:
    complete, failed, deleted = await harness.create_many(3)
    await compute(harness, complete, behind=None)
    await compute(harness, failed, deleted)
    await compute(harness, failed, status="failed")
    await harness.delete(deleted)
    assert await harness.incomplete_runs.request_due() == 0


async def test_a_log_that_does_not_answer_postpones_the_repetition(harness: RunsHarness) -> None:
    await compute(harness, await harness.create())
    assert isinstance(harness.log, MemoryEventLog)
    harness.log.reachable = False
    with pytest.raises(LogUnavailable):
        await harness.incomplete_runs.request_due()
    harness.log.reachable = True
    assert await harness.incomplete_runs.request_due() == 1
