"""What is reported of a run: one constructor for each status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segops_common.contracts.jobs import (
    FailedResult,
    IngestLag,
    RunCounts,
    RunningResult,
    RunProblem,
    RunProgress,
    SegmentFailure,
    SegmentResult,
    SucceededResult,
    SupersededResult,
)
from segops_common.core.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReports:
    """Makes the reports of one attempt at a run, which began at `started` of the monotonic clock."""

    tenant_id: int
    run_id: int
    clock: Clock
    started: float

    def running(self, progress: RunProgress | None = None) -> RunningResult:
        """Return a sign of life."""
        return RunningResult(
            run_id=self.run_id,
            tenant_id=self.tenant_id,
            at=self.clock.now(),
            duration_ms=self._duration_ms(),
            progress=progress,
        )

    def superseded(self) -> SupersededResult:
        """Return the report of a run for which nothing was computed."""
        return SupersededResult(
            run_id=self.run_id, tenant_id=self.tenant_id, at=self.clock.now(), duration_ms=self._duration_ms()
        )

    def failed(self, failures: Mapping[int, RunProblem]) -> FailedResult:
        """Return the report of a run that failed for all its segments; there must be at least one failure."""
        return FailedResult(
            run_id=self.run_id,
            tenant_id=self.tenant_id,
            at=self.clock.now(),
            duration_ms=self._duration_ms(),
            problem=next(iter(failures.values())),
            failures=_failures(failures),
        )

    def succeeded(
        self,
        segments: tuple[SegmentResult, ...],
        *,
        counts: RunCounts,
        failures: Mapping[int, RunProblem],
        behind: IngestLag | None,
    ) -> SucceededResult:
        """Return the report of a run that has results; with `behind`, of an incomplete one."""
        return SucceededResult(
            run_id=self.run_id,
            tenant_id=self.tenant_id,
            at=self.clock.now(),
            duration_ms=self._duration_ms(),
            segments=segments,
            counts=counts,
            behind=behind,
            failures=_failures(failures),
        )

    def _duration_ms(self) -> int:
        return round((self.clock.monotonic() - self.started) * 1000)


def _failures(failures: Mapping[int, RunProblem]) -> tuple[SegmentFailure, ...]:
    return tuple(SegmentFailure(segment_id=id, problem=problem) for id, problem in failures.items())
