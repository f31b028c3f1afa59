"""The use cases of runs on the memory store, with a manual clock and a relay that tests drive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from segops_common.contracts.jobs import ComputeJob, ComputeResultMessage, RunProblem
from segops_common.streams.log import EventLog
from segops_common.streams.memory import MemoryEventLog
from segops_common.streams.sink_progress import SinkProgress
from segops_language import Group
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import NOBODY, NewSegment, Refresh, Segment
from segops_segments.domain.serving_status import ServingStatus
from segops_segments.service.apply_results import ApplyResults
from segops_segments.service.read_runs import ReadRuns
from segops_segments.service.request_runs import RequestRuns
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.schedule.catch_up import RepeatIncompleteRuns
from segops_segments.service.schedule.hourly_runs import RequestHourlyRuns
from segops_segments.service.schedule.silent_runs import ReviveSilentRuns
from segops_segments.service.segments.delete_segment import DeleteSegment
from segops_segments.service.segments.manage import ManageSegments
from segops_testkit.clock import ManualClock

START: Final = datetime(2026, 1, 31, 9, tzinfo=UTC)
LEASE: Final = timedelta(minutes=15)
LEASE_S: Final = LEASE.total_seconds()
PROBLEM: Final = RunProblem(type="t", title="t", detail="d")


class RunsHarness:
    """Creates segments and requests runs, and plays the relay and the compute worker."""

    def __init__(
        self, *, store: MemoryStore | None = None, log: EventLog | None = None, segments_at_once: int = 500
    ) -> None:
        self.clock = ManualClock(START)
        self.store = MemoryStore(clock=self.clock) if store is None else store
        self.queue = RunQueue(clock=self.clock, lease=LEASE)
        self.segments = ManageSegments(store=self.store, clock=self.clock)
        self.deletion = DeleteSegment(store=self.store, clock=self.clock, queue=self.queue)
        self.requests = RequestRuns(store=self.store, queue=self.queue, segments_at_once=segments_at_once)
        self.runs = ReadRuns(store=self.store)
        self.results = ApplyResults(store=self.store, queue=self.queue, lease=LEASE)
        self.hourly_runs = RequestHourlyRuns(
            store=self.store, clock=self.clock, queue=self.queue, segments_at_once=segments_at_once
        )
        self.log = MemoryEventLog(clock=self.clock) if log is None else log
        self.incomplete_runs = RepeatIncompleteRuns(
            store=self.store, queue=self.queue, progress=SinkProgress(log=self.log, clock=self.clock)
        )
        self.silent_runs = ReviveSilentRuns(store=self.store, clock=self.clock, queue=self.queue)

    async def create(
        self, name: str = "Loyal", *, tenant_id: int = 1, refresh: Refresh = "manual", definition: Group = NOBODY
    ) -> Segment:
        """Create a segment."""
        new = NewSegment(
            tenant_id=tenant_id,
            name=name,
            segment_type="rule",
            definition=definition,
            description="",
            refresh=refresh,
        )
        return await self.segments.create(new, by="user:1")

    async def create_many(self, count: int) -> list[Segment]:
        """Create segments of tenant 1."""
        return [await self.create(f"segment {number}") for number in range(count)]

    async def request(self, segment: Segment, *, as_of: datetime | None = None) -> RunPart:
        """Request a run of one segment."""
        return await self.requests.request_one(segment.tenant_id, segment.id, as_of=as_of, by="user:1")

    async def request_many(self, *segments: Segment, as_of: datetime | None = None) -> Sequence[RunPart]:
        """Request runs of these segments; without any, of all segments of tenant 1."""
        ids = [segment.id for segment in segments] or None
        return await self.requests.request_many(1, ids, as_of=as_of, by="user:1")

    async def request_tenant(self, tenant_id: int) -> Sequence[RunPart]:
        """Request runs of all segments of a tenant."""
        return await self.requests.request_many(tenant_id, None, as_of=None, by="user:1")

    async def delete(self, segment: Segment, *, expected: int | None = None) -> None:
        """Delete a segment."""
        await self.deletion.delete(segment.tenant_id, segment.id, expected=expected, by="user:1")

    async def relay(self) -> list[int]:
        """Send all messages; return the runs of the jobs among them."""
        return [job.run_id for job in await self.relay_jobs()]

    async def relay_jobs(self) -> list[ComputeJob]:
        """Send all messages; return the jobs among them."""
        async with self.store.claim(1000) as claim:
            for message in claim.messages:
                await claim.mark_sent(message.id, self.clock.now())
            values = [message.value for message in claim.messages if message.topic == "segops.compute-jobs"]
        return [ComputeJob.model_validate_json(value) for value in values]

    async def report(self, part: RunPart, status: str, **more: object) -> None:
        """Apply the report of a worker about a run."""
        problem = {"problem": PROBLEM} if status == "failed" else {}
        result = {"run_id": part.run_id, "tenant_id": part.tenant_id, "status": status, "at": self.clock.now()}
        await self.results.apply(ComputeResultMessage.model_validate(result | problem | more).root)

    async def read(self, part: RunPart) -> RunPart:
        """Read the part in its present state."""
        return await self.runs.get(part.tenant_id, part.segment_id, part.run_id)

    async def states(self, parts: Collection[RunPart]) -> list[str]:
        """Read the present states of the parts."""
        return [(await self.read(part)).state for part in parts]

    async def serving_status(self, segment: Segment) -> ServingStatus:
        """Read the serving status of the segment in its present version."""
        present = await self.segments.get((segment.tenant_id,), segment.id)
        return await self.runs.serving_status(present)
