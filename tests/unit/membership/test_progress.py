"""Progress of a run is reported at most twice a second, and a failing report does not fail the run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from segops_common.contracts.jobs import RunProgress
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.compute.progress import REPORT_EVERY_S, progress_reported
from segops_testkit.clock import ManualClock

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_newest_state_is_told_now_and_then() -> None:
    clock, reported = ManualClock(NOW), list[tuple[str, int, int]]()
    phases: list[tuple[str, float]] = []

    def observe(phase: str, seconds: float) -> None:
        phases.append((phase, seconds))

    async def tell(progress: RunProgress) -> None:
        reported.append((progress.phase, progress.done, progress.total))

    async with progress_reported(tell, clock, total=200, observe=observe) as progress:
        progress.enter("numbering")
        await settle()
        assert reported == []
        for _ in range(100):
            progress.evaluated(1)
        clock.advance(REPORT_EVERY_S)
        await settle()
        clock.advance(REPORT_EVERY_S)
        await settle()
        assert reported == [("evaluating", 100, 200)]
        progress.evaluated(100)
        progress.enter("comparing")
    clock.advance(10 * REPORT_EVERY_S)
    await settle()
    assert reported == [("evaluating", 100, 200)]
    assert phases == [("numbering", REPORT_EVERY_S * 0), ("evaluating", 2 * REPORT_EVERY_S), ("comparing", 0.0)]


async def test_word_that_cannot_be_given_is_left_out() -> None:
    clock, reported = ManualClock(NOW), list[int]()

    async def tell(progress: RunProgress) -> None:
        if not reported:
            reported.append(-1)
            raise EngineUnavailable("the log is away")
        reported.append(progress.done)

    async with progress_reported(tell, clock, total=2, observe=lambda _phase, _seconds: None) as progress:
        for _ in range(2):
            progress.evaluated(1)
            await settle()
            clock.advance(REPORT_EVERY_S)
            await settle()
    assert reported == [-1, 2]
