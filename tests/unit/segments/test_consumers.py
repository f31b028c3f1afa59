"""The timers and consumers: outages delay messages and lose none, and invalid records are reported."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from segops_common.contracts.jobs import RunningResult
from segops_common.contracts.topics import COMPUTE_JOBS, SCHEMA_VERSION_HEADER, SEGMENTS, TRACEPARENT_HEADER, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.core.problems import Unavailable
from segops_common.streams.log import Header, LogUnavailable, Position, Record, partition_of
from segops_common.streams.loop.consumer import BadRecords, Batch
from segops_common.streams.loop.timer import Timer
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.tracing import trace_context
from segops_segments.adapters.memory.outbox import MemoryClaim
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.consumers.hourly_scheduler import hourly_timer
from segops_segments.consumers.outbox_relay import relay_timer
from segops_segments.consumers.results import ResultsHandler
from segops_segments.consumers.silent_runs import silent_runs_timer
from segops_segments.service.outbox_relay import RelayOutbox
from tests.unit.segments.harness import LEASE_S, RunsHarness

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class FlakyLog(MemoryEventLog):
    """Fails the first appends, one of them after storing the record; sets `has_job` once a job is stored."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock())
        self.failures = 3
        self.has_job = asyncio.Event()

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
        position = await super().append(topic, key, value, headers=headers, partition=partition)
        if topic is COMPUTE_JOBS:
            self.has_job.set()
        return position


class FlakyStore(MemoryStore):
    """Refuses the first claims."""

    failures = 2

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[MemoryClaim]:
        self.failures -= 1
        if self.failures >= 0:
            raise Unavailable("The database does not answer.")
        async with super().claim(limit) as claim:
            yield claim


def flaky_harness() -> RunsHarness:
    return RunsHarness(store=FlakyStore())


async def test_outages_delay_messages_and_lose_none() -> None:
    harness, log = flaky_harness(), FlakyLog()
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    with trace_context(TRACE, "request"):
        await harness.request(await harness.create())
    relay = RelayOutbox(outbox=harness.store, log=log, clock=SystemClock(), faults=NO_FAULTS)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(relay_timer(relay).run(stop))
        await log.has_job.wait()
        stop.set()
    changes = await log.tail(SEGMENTS, partition_of(SEGMENTS, b"1"), 10)
    jobs = await log.tail(COMPUTE_JOBS, partition_of(COMPUTE_JOBS, b"1"), 10)
    assert (len(changes), len(jobs)) == (2, 1)
    assert changes[0].value == changes[1].value
    assert set(jobs[0].headers) == {(SCHEMA_VERSION_HEADER, b"1"), (TRACEPARENT_HEADER, TRACE.encode())}


async def run_once(timer: Timer) -> None:
    """Run a timer that is stopped as soon as its first call begins; the call is finished."""
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(timer.run(stop))
        await asyncio.sleep(0)
        stop.set()


async def test_the_scheduler_and_the_sweeper_work_without_the_relay() -> None:
    harness = RunsHarness()
    await harness.create(refresh="hourly")
    await run_once(hourly_timer(harness.hourly_runs))
    [run_id] = await harness.relay()
    harness.clock.advance(LEASE_S)
    await run_once(silent_runs_timer(harness.silent_runs))
    assert await harness.relay() == [run_id]


def batch(*values: bytes) -> Batch:
    records = tuple(Record(offset=offset, key=b"1", value=value) for offset, value in enumerate(values))
    return Batch(
        topic="segops.compute-results", partition=0, first_offset=0, last_offset=len(values) - 1, records=records
    )


async def test_invalid_results_are_reported_and_valid_ones_applied() -> None:
    harness = flaky_harness()
    run = await harness.request(await harness.create())
    valid = RunningResult(run_id=run.run_id, tenant_id=1, at=harness.clock.now()).model_dump_json().encode()
    invalid = [b"", b"{}\n", b"[]", b"\xff", valid.replace(b"running", b"sleeping"), valid + b"\nx"]
    with pytest.raises(BadRecords) as caught:
        await ResultsHandler(results=harness.results).handle(batch(*invalid, valid + b"\n"))
    assert [(record.offset, record.code) for record in caught.value.records] == [
        (offset, "malformed-result") for offset in range(1, len(invalid))
    ]
    assert (await harness.read(run)).state == "running"
