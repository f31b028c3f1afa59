"""A run: one evaluation of one or more segments, from the request to its outcome for each of them.

queued -> running -> succeeded | failed | superseded
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from segops_common.contracts.jobs import (
    ComputeJob,
    ComputeResult,
    FailedResult,
    JobSegment,
    RunCounts,
    RunningResult,
    RunPhase,
    RunProblem,
    RunProgress,
    SegmentResult,
    SucceededResult,
    SupersededResult,
)
from segops_common.core.problems import PROBLEM_TYPE_PREFIX
from segops_language import Group
from segops_segments.domain.references import fits_a_job
from segops_segments.domain.segment import Segment, Version

RunState = Literal["queued", "running", "succeeded", "failed", "superseded"]
FINAL_STATES: Final[frozenset[RunState]] = frozenset(("succeeded", "failed", "superseded"))

_PHASES: Final[tuple[RunPhase, ...]] = get_args(RunPhase)
MAX_ATTEMPTS: Final = 5
LOST: Final = RunProblem(
    type=f"{PROBLEM_TYPE_PREFIX}run-lost",
    title="The run was lost",
    detail="No worker reported on this run although it was announced five times; request it again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a finished run found; sizes in profiles.

    `published` is false when the run is of an instant before that of the members that are served.
    """

    size: int = 0
    entered: int = 0
    exited: int = 0
    counts: RunCounts = field(default_factory=RunCounts)
    duration_ms: int = 0
    digest: str | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that was asked for; `fixed` when the caller chose the instant, so nobody else may share the run.

    `version` is the number of the version whose definition is evaluated.
    """

    segment_id: int
    version: int
    as_of: datetime
    fixed: bool
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it is now for one of its segments; its other segments have its id, instant and messages too.

    `message_id` is the outbox message that announced it last; None while it waits for the run before it to be taken up.
    After `lease_until` without any sign of life it is announced again.
    """

    id: int
    tenant_id: int
    segment_id: int
    version: int
    state: RunState
    as_of: datetime
    fixed: bool
    requested_by: str
    requested_at: datetime
    heard_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    lease_until: datetime | None = None
    message_id: int | None = None
    outcome: Outcome | None = None
    problem: RunProblem | None = None
    progress: RunProgress | None = None

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL_STATES

    @property
    def presumed_lost(self) -> bool:
        """Whether the run was given up without word from a worker; such word still counts."""
        return self.problem is not None and self.problem.type == LOST.type

    def announced(self, message_id: int, lease_until: datetime) -> Run:
        """The run once a message about it is in the outbox."""
        return replace(self, message_id=message_id, lease_until=lease_until, attempts=self.attempts + 1)

    def reannounced(self, message_id: int) -> Run:
        """The run when its message was taken back, unread, for a newer one."""
        return replace(self, message_id=message_id)

    def renewed(self, as_of: datetime, new: NewRun | None) -> Run:
        """The run, not yet taken up, moved forward to serve a later request as well, if that is of this segment."""
        return replace(self, version=self.version if new is None else new.version, as_of=as_of)

    def is_silent(self, now: datetime) -> bool:
        """Whether there was no sign of life for as long as it had."""
        return not self.final and self.lease_until is not None and self.lease_until <= now

    def given_up(self, at: datetime) -> Run:
        """The run when no worker can be hoped for."""
        return replace(self, state="failed", problem=LOST, finished_at=at, lease_until=None, progress=None)

    def dropped(self, at: datetime) -> Run:
        """The run when its segment is gone before any worker knew of it."""
        return replace(self, state="superseded", finished_at=at, lease_until=None)


def advance(run: Run, result: ComputeResult, lease: timedelta) -> Run:
    """The run after word from a worker; the same run when the word is old.

    A final state stays, and a state is never left for an earlier one, in whatever order and however often words arrive.
    """
    if run.final and not run.presumed_lost:
        return run
    if isinstance(result, RunningResult):
        return run if run.final or _is_old(run, result) else _started(run, result, lease)
    problem = _problem_of(run, result)
    return replace(
        run,
        state=result.status if problem is None else "failed",
        heard_at=result.at,
        started_at=run.started_at or result.at - timedelta(milliseconds=result.duration_ms),
        finished_at=result.at,
        lease_until=None,
        outcome=_outcome(run, result) if isinstance(result, SucceededResult) and problem is None else None,
        problem=problem,
        progress=None,
    )


def _problem_of(run: Run, result: SucceededResult | FailedResult | SupersededResult) -> RunProblem | None:
    """Why the run failed for its segment; None when it did not."""
    if isinstance(result, SupersededResult):
        return None
    own = next((failure.problem for failure in result.failures if failure.segment_id == run.segment_id), None)
    return result.problem if own is None and isinstance(result, FailedResult) else own


def _is_old(run: Run, result: RunningResult) -> bool:
    return run.heard_at is not None and result.at <= run.heard_at


def _started(run: Run, result: RunningResult, lease: timedelta) -> Run:
    return replace(
        run,
        state="running",
        heard_at=result.at,
        started_at=run.started_at or result.at,
        lease_until=result.at + lease,
        progress=_farther(run.progress, result.progress),
    )


def _farther(known: RunProgress | None, told: RunProgress | None) -> RunProgress | None:
    """A second attempt begins anew; nobody sees that."""
    if told is None or (known is not None and _reached(told) < _reached(known)):
        return known
    return told


def _reached(progress: RunProgress) -> tuple[int, float]:
    return _PHASES.index(progress.phase), progress.done / max(1, progress.total)


def _outcome(run: Run, result: SucceededResult) -> Outcome:
    empty = SegmentResult(segment_id=run.segment_id, version=run.version, size=0, entered=0, exited=0, published=False)
    own = next((each for each in result.segments if each.segment_id == run.segment_id), empty)
    return Outcome(
        size=own.size,
        entered=own.entered,
        exited=own.exited,
        counts=result.counts,
        duration_ms=result.duration_ms,
        digest=own.digest,
        published=own.published,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A run of a segment, and the version that it evaluates; a static segment's versions are those of its list."""

    run: Run
    version: Version
    is_static: bool = False


def job_of(evaluated: Sequence[Evaluated], references: Sequence[Segment] = ()) -> ComputeJob:
    """What a worker is told of a run, at least of one segment; it carries all definitions, so that the worker never
    calls back.

    `references` are what the versions lead to now. Those of a version that is no longer in force may have outgrown a
    message: they are left out, and the worker lets the run fail for want of them.
    """
    run = evaluated[0].run
    own = {each.run.segment_id for each in evaluated}
    others = [each for each in references if each.id not in own]
    return ComputeJob(
        run_id=run.id,
        tenant_id=run.tenant_id,
        segments=tuple(
            _job_segment(each.run.segment_id, each.run.version, each.version.definition, each.is_static)
            for each in evaluated
        ),
        references=tuple(
            _job_segment(each.id, each.version, each.definition, each.segment_type == "static")
            for each in (others if fits_a_job(others) else ())
        ),
        as_of=run.as_of,
        requested_by=run.requested_by,
    )


def _job_segment(segment_id: int, version: int, definition: Group, is_static: bool) -> JobSegment:
    return JobSegment(
        id=segment_id, version=version, definition=definition, list_version=version if is_static else None
    )
