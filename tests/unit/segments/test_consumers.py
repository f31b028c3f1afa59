"""The workers go on through outages, and bad records leave by the side door."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from segops_common.contracts.jobs import RunningResult
from segops_common.contracts.topics import COMPUTE_JOBS, SCHEMA_VERSION_HEADER, SEGMENTS, TRACEPARENT_HEADER, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.core.problems import Unavailable
from segops_common.streams.log import Header, LogUnavailable, Position, Record, partition_of
from segops_common.streams.loop.consumer import BadRecords, Batch
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.tracing import trace_context
from segops_language import parse_definition
from segops_segments.adapters.memory.store import MemoryClaim, MemoryStore
from segops_segments.consumers.outbox_relay import OutboxWorker
from segops_segments.consumers.results import ResultsHandler
from segops_segments.domain.segment import NewSegment
from segops_segments.service.outbox_relay import OutboxRelay
from segops_segments.service.request_runs import RunService
from segops_segments.service.segments.manage import SegmentService

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class FlakyLog(MemoryEventLog):
    """Fails the first appends; one of them after having stored the record."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock())
        self.failures = 3

    async def append(
        self,
        topic: Topic,
        key: bytes,
        value: bytes,
        *,
        headers: Sequence[Header] = (),
        partition: int | None = None,
    ) -> Position:
        self.failures -= 1
        if self.failures == 1:
            await super().append(topic, key, value, headers=headers, partition=partition)
        if self.failures >= 0:
            raise LogUnavailable("no answer")
        return await super().append(topic, key, value, headers=headers, partition=partition)


class FlakyStore(MemoryStore):
    """Is away for the first claims."""

    failures = 2

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[MemoryClaim]:
        self.failures -= 1
        if self.failures >= 0:
            raise Unavailable("The database does not answer.")
        async with super().claim(limit) as claim:
            yield claim


@pytest.fixture
def store() -> MemoryStore:
    return FlakyStore()


@pytest.fixture
def runs(store: MemoryStore) -> RunService:
    return RunService(store=store, clock=SystemClock(), lease=timedelta(minutes=15))


async def new_run(store: MemoryStore, runs: RunService) -> int:
    new = NewSegment(
        tenant_id=1,
        name="Loyal",
        segment_type="rule",
        definition=parse_definition({"logic": "AND", "conditions": []}),
        description="",
        refresh="manual",
    )
    segment = await SegmentService(store=store, clock=SystemClock()).create(new, by="user:1")
    return (await runs.request(1, segment.id, as_of=None, by="user:1")).id


async def first_jobs(log: MemoryEventLog) -> Sequence[Record]:
    """What the topic of jobs holds as soon as it holds something."""
    jobs: Sequence[Record] = ()
    while not jobs:
        await asyncio.sleep(0.01)
        jobs = await log.tail(COMPUTE_JOBS, partition_of(COMPUTE_JOBS, b"1"), 10)
    return jobs


async def test_outages_delay_messages_and_lose_none(store: MemoryStore, runs: RunService) -> None:
    log = FlakyLog()
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    with trace_context(TRACE, "request"):
        await new_run(store, runs)
    relay = OutboxRelay(outbox=store, log=log, clock=SystemClock(), faults=NO_FAULTS)
    worker = OutboxWorker(relay=relay, runs=runs, sweep_every_s=0.05)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        async with asyncio.timeout(30):
            jobs = await first_jobs(log)
        stop.set()
    changes = await log.tail(SEGMENTS, partition_of(SEGMENTS, b"1"), 10)
    assert (len(changes), len(jobs)) == (2, 1)
    assert changes[0].value == changes[1].value
    assert set(jobs[0].headers) == {(SCHEMA_VERSION_HEADER, b"1"), (TRACEPARENT_HEADER, TRACE.encode())}


def batch(*values: bytes) -> Batch:
    records = tuple(Record(offset=offset, key=b"1", value=value) for offset, value in enumerate(values))
    return Batch(
        topic="segops.compute-results", partition=0, first_offset=0, last_offset=len(values) - 1, records=records
    )


async def test_bad_results_are_named_and_the_good_ones_taken_in(store: MemoryStore, runs: RunService) -> None:
    run_id = await new_run(store, runs)
    good = RunningResult(run_id=run_id, tenant_id=1, at=datetime.now(UTC)).model_dump_json().encode()
    bad = [b"", b"{}\n", b"[]", b"\xff", good.replace(b"running", b"sleeping"), good + b"\nx"]
    with pytest.raises(BadRecords) as caught:
        await ResultsHandler(runs=runs).handle(batch(*bad, good + b"\n"))
    assert [(record.offset, record.code) for record in caught.value.records] == [
        (offset, "malformed-result") for offset in range(1, len(bad))
    ]
    async with store.reading() as unit:
        found = await unit.find_runs(1, run_id)
    assert [run.state for run in found] == ["running"]
