"""Random requests, reports, silences and deletions: what must hold for the runs of a tenant after every step."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from segops_segments.domain.run import Run
from segops_segments.domain.segment import Segment
from tests.unit.segments.harness import LEASE_S, RunsHarness

STEPS = 80


class RandomTenant:
    """A tenant with eight segments, whose runs are requested, relayed, reported and lost at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.harness = RunsHarness()
        self.segments: list[Segment] = []
        self.sent: list[int] = []

    async def step(self) -> None:
        """Do one thing."""
        actions = [self.request_one, self.request_some, self.relay, self.report, self.fall_silent]
        if len(self.segments) > 1 and self.random.random() < 0.08:
            await self.harness.delete(self.segments.pop())
        else:
            await self.random.choice(actions)()
        self.harness.clock.advance(1)

    async def request_one(self) -> None:
        await self.harness.request(self.random.choice(self.segments))

    async def request_some(self) -> None:
        await self.harness.request_many(*self.random.sample(self.segments, self.random.randint(1, len(self.segments))))

    async def relay(self) -> None:
        self.sent += await self.harness.relay()

    async def report(self) -> None:
        if self.sent:
            await self.report_about(
                self.random.choice(self.sent), self.random.choice(["running", "succeeded", "failed"])
            )

    async def fall_silent(self) -> None:
        self.harness.clock.advance(LEASE_S)
        await self.harness.silent_runs.revive()

    async def report_about(self, run_id: int, status: str) -> None:
        parts = await self.harness.store.find_parts([(1, run_id)])
        await self.harness.report(parts[0], status)

    async def finish(self) -> None:
        """Let every job succeed, until no more are sent."""
        jobs = await self.harness.relay()
        while jobs or self.sent:
            for run_id in (*self.sent, *jobs):
                await self.report_about(run_id, "succeeded")
            self.sent.clear()
            jobs = await self.harness.relay()

    async def runs(self) -> list[Run]:
        async with self.harness.store.reading() as unit:
            runs = [await unit.find_run(1, run_id) for run_id in range(1, 2_000)]
        return [run for run in runs if run is not None]


def check(runs: list[Run]) -> None:
    queued = [run for run in runs if any(part.state == "queued" and not part.fixed for part in run.parts)]
    for run in runs:
        shared = {(part.state, part.lease_until, part.message_id, part.attempts) for part in run.open_parts}
        assert len(shared) <= 1, "open parts must change together"
    for is_waiting in (True, False):
        counts = Counter(
            part.segment_id for run in queued if (run.message_id is None) == is_waiting for part in run.open_parts
        )
        assert max(counts.values(), default=0) <= 1, "a segment has one dispatched run and one that waits"
    for run in queued:
        if run.message_id is None:
            segment_ids = {part.segment_id for part in run.open_parts}
            before = [other for other in queued if other.id < run.id]
            assert any(part.segment_id in segment_ids for other in before for part in other.open_parts), (
                "a run must not wait for nothing"
            )


@pytest.mark.parametrize("seed", range(8))
async def test_runs_change_together_wait_for_a_reason_and_come_to_an_end(seed: int) -> None:
    tenant = RandomTenant(seed)
    tenant.segments = await tenant.harness.create_many(8)
    for _ in range(STEPS):
        await tenant.step()
        check(await tenant.runs())
    await tenant.finish()
    runs = await tenant.runs()
    assert len(runs) >= 4
    assert {run.open_parts for run in runs} == {()}
