"""A sink that stands still: runs say what they lack, are repeated by themselves, and report each change once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from segops_common.contracts.jobs import SucceededResult
from segops_common.contracts.topics import EVENTS, SINK_GROUP, profile_key
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.log import EventLog, Message
from segops_common.streams.loop.batches import Batch
from segops_common.streams.loop.consumer import ConsumerLoop, Limits
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.sink_progress import SinkProgress
from segops_common.telemetry.metrics import Metrics
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_ingest.consumers.sink import Sink
from segops_language.events import Event
from segops_language.values.instants import to_ms
from segops_segments.domain.segment import Segment
from tests.corpus.builders import count, event, group, new_tenant
from tests.integration.membership.harness import MembershipHarness, event_row, opened
from tests.unit.segments.harness import START, RunsHarness


class PausedSink:
    """The sink, which inserts nothing before `resumed` is set."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.resumed = asyncio.Event()

    async def handle(self, batch: Batch) -> None:
        await self.resumed.wait()
        await self._sink.handle(batch)


@pytest.fixture
async def harness(
    migrated: None, clickhouse_url: str, postgres_url: str, redis_url: str
) -> AsyncIterator[MembershipHarness]:
    async with opened(
        clickhouse_url=clickhouse_url, postgres_url=postgres_url, redis_url=redis_url, ingest_wait_s=0.2
    ) as harness:
        await harness.log.ensure_topics([EVENTS, EVENTS.dead])
        yield harness


@asynccontextmanager
async def paused_sink(harness: MembershipHarness) -> AsyncIterator[PausedSink]:
    """Run the sink, paused."""
    paused = PausedSink(Sink(warehouse=ClickHouseWarehouse(clickhouse=harness.clickhouse, faults=NO_FAULTS)))
    loop = ConsumerLoop(
        log=harness.log,
        group=SINK_GROUP,
        topic=EVENTS,
        handler=paused,
        dead_letters=DeadLetterTopic(log=harness.log),
        faults=NO_FAULTS,
        clock=SystemClock(),
        limits=Limits(max_age_s=0),
        record_intent=True,
        observer=LoopMetrics(Metrics(), SystemClock()),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    yield paused
    paused.resumed.set()
    stop.set()
    await running


def record(tenant: int, login: Event) -> bytes:
    """Return an event as it is in the log, where it has no source yet."""
    row = json.loads(event_row(tenant, login))
    del row["source_offset"]
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


async def acknowledge(log: EventLog, tenant: int, users: Sequence[str]) -> None:
    """Put a login of each user into the log, as ingestion does before it answers with 2xx."""
    await log.append_many(
        EVENTS,
        [
            Message(key=profile_key(tenant, user), value=record(tenant, event(user, at=to_ms(START) - 1000)))
            for user in users
        ],
    )


async def until_stored(log: EventLog) -> None:
    """Wait until the sink has stored everything in the log."""
    progress = SinkProgress(log=log, clock=SystemClock())
    async with asyncio.timeout(60):
        while await progress.missing(await progress.ends()):
            await asyncio.sleep(0.02)


async def run_job(harness: MembershipHarness, segments: RunsHarness, tenant: int) -> SucceededResult:
    """Carry out the one job in the outbox, and let segments know."""
    (job,) = await segments.relay_jobs()
    await harness.compute.run(job)
    result = await harness.succeeded(tenant)
    await segments.results.apply(result)
    return result


async def stale_reason(segments: RunsHarness, segment: Segment) -> str | None:
    return (await segments.serving_status(segment)).reason


async def test_a_run_while_the_sink_stands_still_is_incomplete_until_it_goes_on(harness: MembershipHarness) -> None:
    tenant, segments = new_tenant(), RunsHarness(log=harness.log)
    segment = await segments.create(tenant_id=tenant, definition=group(count()))
    async with paused_sink(harness) as sink:
        await acknowledge(harness.log, tenant, ["ada", "bob"])
        await segments.request(segment)
        incomplete = await run_job(harness, segments, tenant)
        assert incomplete.behind is not None
        assert incomplete.behind.positions == 2
        assert incomplete.behind.seconds is not None
        assert await stale_reason(segments, segment) == "run-incomplete"
        assert await segments.incomplete_runs.request_due() == 0
        assert await harness.changes(tenant) == []

        sink.resumed.set()
        async with asyncio.timeout(60):
            while not await segments.incomplete_runs.request_due():
                await asyncio.sleep(0.02)
        complete = await run_job(harness, segments, tenant)
    assert complete.behind is None
    assert complete.segments[0].size == 2
    assert await stale_reason(segments, segment) is None
    changes = sorted((change.user_id, change.change) for change in await harness.changes(tenant))
    assert changes == [("ada", "entered"), ("bob", "entered")]


async def test_what_an_incomplete_run_published_is_reported_once(harness: MembershipHarness) -> None:
    tenant, segments = new_tenant(), RunsHarness(log=harness.log)
    never = group(count(operator="eq", value=0))
    segment = await segments.create(tenant_id=tenant, definition=group(count()))
    other = await segments.create("never", tenant_id=tenant, definition=never)
    async with paused_sink(harness) as sink:
        sink.resumed.set()
        await acknowledge(harness.log, tenant, ["ada"])
        await until_stored(harness.log)
        await segments.request_tenant(tenant)
        assert (await run_job(harness, segments, tenant)).behind is None
        sink.resumed.clear()
        await harness.insert(tenant, [event("bob", at=to_ms(START) - 1000), event("cyd", "x", at=to_ms(START) - 1000)])
        await acknowledge(harness.log, tenant, ["cyd"])
        await segments.request_tenant(tenant)
        incomplete = await run_job(harness, segments, tenant)
        assert [(result.segment_id, result.size, result.entered) for result in incomplete.segments] == [
            (segment.id, 2, 1),
            (other.id, 1, 1),
        ]
        assert await harness.segments_of(tenant, "cyd") == (other.id,), "lookups see what is known"
        sink.resumed.set()
        async with asyncio.timeout(60):
            while not await segments.incomplete_runs.request_due():
                await asyncio.sleep(0.02)
        await run_job(harness, segments, tenant)
    changes = sorted((change.segment_id, change.user_id, change.change) for change in await harness.changes(tenant))
    assert changes == [(segment.id, user, "entered") for user in ("ada", "bob", "cyd")]
