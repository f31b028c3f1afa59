"""Reports the progress of a run in the background, at most twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from segops_common.contracts.jobs import RunPhase, RunProgress
from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_membership.ports.errors import EngineUnavailable

REPORT_EVERY_S: Final = 0.5

ReportProgress = Callable[[RunProgress], Awaitable[None]]
ObservePhase = Callable[[RunPhase, float], None]
"""Called at the end of a phase with its seconds."""


class Progress:
    """The phase of a run and how many predicates are evaluated."""

    def __init__(self, total: int, clock: Clock, observe: ObservePhase) -> None:
        self.now: RunProgress | None = None
        self.is_over = False
        self._done, self._total = 0, total
        self._clock, self._observe = clock, observe
        self._phase_began = clock.monotonic()

    def enter(self, phase: RunPhase) -> None:
        """Begin a phase, which ends the one before."""
        if self.now is not None and self.now.phase != phase:
            self._end_phase(self.now.phase)
        self.now = RunProgress(phase=phase, done=self._done, total=self._total)

    def evaluated(self, count: int) -> None:
        """Count further predicates as evaluated."""
        self._done += count
        self.enter("evaluating")

    def end(self) -> None:
        """End the last phase."""
        self.is_over = True
        if self.now is not None:
            self._end_phase(self.now.phase)

    def _end_phase(self, phase: RunPhase) -> None:
        now = self._clock.monotonic()
        self._observe(phase, now - self._phase_began)
        self._phase_began = now


@asynccontextmanager
async def progress_reported(
    report: ReportProgress, clock: Clock, *, total: int, observe: ObservePhase
) -> AsyncIterator[Progress]:
    """Report what the block reaches of `total` predicates. The caller has reported that the run began.

    A report that fails is dropped; the next one supersedes it.
    """
    progress = Progress(total, clock, observe)
    reporting = spawn(_keep_reporting(progress, report, clock), name="progress of a run")
    try:
        yield progress
    finally:
        progress.end()
        reporting.cancel()
        await asyncio.wait([reporting])


async def _keep_reporting(progress: Progress, report: ReportProgress, clock: Clock) -> None:
    last: RunProgress | None = None
    # Drivers may swallow a cancellation, so the loop also looks at `is_over`.
    while not progress.is_over:
        await clock.sleep(REPORT_EVERY_S)
        if progress.now is not None and progress.now != last:
            last = progress.now
            with suppress(EngineUnavailable):
                await report(last)
