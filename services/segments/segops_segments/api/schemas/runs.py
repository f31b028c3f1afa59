"""How runs and what they published are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.contracts.jobs import RunPhase, RunProblem, RunProgress
from segops_segments.api.schemas.bases import Answer
from segops_segments.domain.serving_status import StaleReason, Standing

AT: Final = "2026-01-31T09:00:00Z"
MEMBERSHIP: Final[JsonDict] = {
    "run_id": "17",
    "as_of": AT,
    "version": 1,
    "size": 1204,
    "computed_at": AT,
    "stale": True,
    "stale_reason": "definition-changed",
}


class RunProblemRead(Answer):
    """Why a run failed."""

    type: str
    title: str
    detail: str

    @classmethod
    def of(cls, problem: RunProblem) -> RunProblemRead:
        """The answer for a problem."""
        return cls(type=problem.type, title=problem.title, detail=problem.detail)


class ServedMembership(Answer):
    """What lookups answer for the segment now, and whether it is what was asked for last.

    The last good membership is served until a later run publishes; a new run is all it takes.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [MEMBERSHIP]})

    run_id: str | None = Field(description="The run that published it; null before the first.")
    as_of: datetime | None
    version: int | None = Field(description="The version whose definition it follows.")
    size: int | None
    computed_at: datetime | None
    stale: bool
    stale_reason: StaleReason | None
    problem: RunProblemRead | None = Field(default=None, description="Why the last run failed.")

    @classmethod
    def of(cls, standing: Standing) -> ServedMembership:
        """The answer for a standing."""
        run = standing.served
        return cls(
            run_id=None if run is None else str(run.id),
            as_of=None if run is None else run.as_of,
            version=None if run is None else run.version,
            size=None if run is None or run.outcome is None else run.outcome.size,
            computed_at=None if run is None else run.finished_at,
            stale=standing.reason is not None,
            stale_reason=standing.reason,
            problem=None if standing.problem is None else RunProblemRead.of(standing.problem),
        )


class RunProgressRead(Answer):
    """What a running run does, and how many questions to the warehouse of all are answered."""

    phase: RunPhase
    done: int
    total: int

    @classmethod
    def of(cls, progress: RunProgress) -> RunProgressRead:
        """The answer for a progress."""
        return cls(phase=progress.phase, done=progress.done, total=progress.total)
