"""The aggregate `Run`: one evaluation of one or more segments, with a part for each of them.

A part goes from queued to running to succeeded, failed or superseded. Parts that are not final change together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never, get_args

from segops_common.contracts.jobs import (
    ComputeJob,
    ComputeResult,
    FailedResult,
    IngestLag,
    JobSegment,
    RunCounts,
    RunningResult,
    RunPhase,
    RunProblem,
    RunProgress,
    SegmentFailure,
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
_FinalResult = SucceededResult | FailedResult | SupersededResult

_PHASES: Final[tuple[RunPhase, ...]] = get_args(RunPhase)
MAX_ATTEMPTS: Final = 5
LOST: Final = RunProblem(
    type=f"{PROBLEM_TYPE_PREFIX}run-lost",
    title="The run was lost",
    detail="No worker reported on this run, although it was dispatched five times. Request a new run.",
)


class InvalidTransition(Exception):
    """The run is not in a state that allows the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a part that succeeded; sizes count profiles.

    `published` is false when the run read the events at an earlier instant than the members that were being served.
    `behind` is set when the run was incomplete: it could not see every event that was acknowledged before it.
    """

    size: int = 0
    entered: int = 0
    exited: int = 0
    counts: RunCounts = field(default_factory=RunCounts)
    duration_ms: int = 0
    digest: str | None = None
    published: bool = True
    behind: IngestLag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Who requests a run, when, and the instant at which it reads the events.

    `fixed` is true when the caller chose the instant; such a run is never shared with another request.
    """

    as_of: datetime
    fixed: bool
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """A run as it concerns one of its segments; it repeats the values that all parts of the run share.

    `version` is the number of the version that is evaluated. `message_id` is the outbox message that dispatched the run
    last, and None while the run waits for an earlier one to start. A part that sends no sign of life until
    `lease_until` is dispatched again. `references` maps each segment that the definition leads to to the number of the
    version that is evaluated for it; None: not dispatched yet, or dispatched before this was recorded.
    """

    run_id: int
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
    references: Mapping[int, int] | None = None
    outcome: Outcome | None = None
    problem: RunProblem | None = None
    progress: RunProgress | None = None

    @property
    def is_final(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL_STATES

    @property
    def is_presumed_lost(self) -> bool:
        """Whether the part was given up without a report from a worker; a late final report still counts."""
        return self.problem is not None and self.problem.type == LOST.type


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its parts, ascending by segment id; at least one.

    Every method that changes the run returns the next value and leaves unchanged parts as the same objects.
    """

    parts: tuple[RunPart, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a run must have at least one part")

    @classmethod
    def of_parts(cls, parts: Collection[RunPart]) -> Run:
        """Return the run that consists of these parts, given in any order."""
        return cls(tuple(sorted(parts, key=lambda part: part.segment_id)))

    @classmethod
    def queue(cls, run_id: int, tenant_id: int, request: RunRequest, versions: Mapping[int, int]) -> Run:
        """Return a new run, not dispatched yet. `versions` maps each segment to the version to evaluate."""
        return cls.of_parts(
            [
                RunPart(
                    run_id=run_id,
                    tenant_id=tenant_id,
                    segment_id=segment_id,
                    version=version,
                    state="queued",
                    as_of=request.as_of,
                    fixed=request.fixed,
                    requested_by=request.requested_by,
                    requested_at=request.requested_at,
                )
                for segment_id, version in versions.items()
            ]
        )

    @property
    def id(self) -> int:
        """The number of the run; ascending in the order of a tenant's requests."""
        return self.parts[0].run_id

    @property
    def tenant_id(self) -> int:
        """The tenant of all segments of the run."""
        return self.parts[0].tenant_id

    @property
    def segment_ids(self) -> tuple[int, ...]:
        """The segments of the run, ascending, final parts included."""
        return tuple(part.segment_id for part in self.parts)

    @property
    def open_parts(self) -> tuple[RunPart, ...]:
        """The parts whose state is not final: all queued, or all running, with the same lease and message."""
        return tuple(part for part in self.parts if not part.is_final)

    @property
    def message_id(self) -> int | None:
        """The message that dispatched the open parts; None while they wait, or when there are none."""
        return next((part.message_id for part in self.open_parts), None)

    @property
    def attempts(self) -> int:
        """How often the open parts were dispatched."""
        return max((part.attempts for part in self.open_parts), default=0)

    def part_of(self, segment_id: int) -> RunPart | None:
        """Return the part of a segment; None when the run has none."""
        return next((part for part in self.parts if part.segment_id == segment_id), None)

    def is_silent(self, now: datetime) -> bool:
        """Return whether a worker should have sent a sign of life by now and has not."""
        return any(part.lease_until is not None and part.lease_until <= now for part in self.open_parts)

    def changed_since(self, earlier: Run) -> tuple[RunPart, ...]:
        """Return the parts that changed since an earlier value of the same run."""
        return tuple(now for then, now in zip(earlier.parts, self.parts, strict=True) if now is not then)

    def dispatch(self, message_id: int, lease_until: datetime) -> Run:
        """Record that a message about the open parts is in the outbox. Raises InvalidTransition without open parts."""
        return self._change_open(
            lambda part: replace(part, message_id=message_id, lease_until=lease_until, attempts=part.attempts + 1)
        )

    def replace_message(self, message_id: int) -> Run:
        """Record that a newer message replaces one that no relay has taken; not a new attempt.

        Raises InvalidTransition when a worker has started the run.
        """
        self._require_queued()
        return self._change_open(lambda part: replace(part, message_id=message_id))

    def with_references(self, numbers: Mapping[int, Mapping[int, int]]) -> Run:
        """Record which versions of other segments the message about the open parts carries, for each part's segment.

        Raises InvalidTransition without open parts.
        """
        return self._change_open(lambda part: replace(part, references=numbers[part.segment_id]))

    def renew(self, as_of: datetime, versions: Mapping[int, int]) -> Run:
        """Move a queued run forward, so that it serves a later request as well.

        `versions` has the versions to evaluate of the requested segments; the others keep theirs. Raises
        InvalidTransition when a worker has started the run.
        """
        self._require_queued()
        return self._change_open(
            lambda part: replace(part, as_of=as_of, version=versions.get(part.segment_id, part.version))
        )

    def withdraw(self, segment_id: int, at: datetime) -> Run:
        """End the part of a segment that is deleted before any worker has started the run.

        Raises InvalidTransition when that part is not queued.
        """
        part = self.part_of(segment_id)
        if part is None or part.state != "queued":
            raise InvalidTransition(f"run {self.id} is not queued for segment {segment_id}")
        withdrawn = replace(part, state="superseded", finished_at=at, lease_until=None)
        return Run(tuple(withdrawn if other is part else other for other in self.parts))

    def give_up(self, at: datetime) -> Run:
        """Fail the open parts as lost. Raises InvalidTransition without open parts."""
        return self._change_open(
            lambda part: replace(part, state="failed", problem=LOST, finished_at=at, lease_until=None, progress=None)
        )

    def apply(self, result: ComputeResult, lease: timedelta) -> Run:
        """Return the run after a report from a worker; the same parts when the report is old.

        Reports may come repeatedly and in any order: a final state stays, and no part returns to an earlier state.
        """
        return Run(tuple(_apply_to_part(part, result, lease) for part in self.parts))

    def to_job(
        self, versions: Mapping[int, Version], static: Collection[int], references: Sequence[Segment] = ()
    ) -> ComputeJob:
        """Return the job of the open parts. It carries all definitions, so that a worker never calls back.

        `versions` has the version to evaluate of each segment, `static` the ids of static segments, and `references`
        the segments that the definitions lead to now. References of a version that is no longer in force may have
        outgrown a message: they are left out, and the worker fails the run. Raises InvalidTransition without open
        parts.
        """
        parts = self._require_open()
        own = {part.segment_id for part in parts}
        others = [segment for segment in references if segment.id not in own]
        return ComputeJob(
            run_id=self.id,
            tenant_id=self.tenant_id,
            segments=tuple(
                _job_segment(
                    part.segment_id,
                    part.version,
                    versions[part.segment_id].definition,
                    is_static=part.segment_id in static,
                )
                for part in parts
            ),
            references=tuple(
                _job_segment(
                    segment.id, segment.version, segment.definition, is_static=segment.segment_type == "static"
                )
                for segment in (others if fits_a_job(others) else ())
            ),
            as_of=parts[0].as_of,
            requested_by=parts[0].requested_by,
        )

    def _require_open(self) -> tuple[RunPart, ...]:
        parts = self.open_parts
        if not parts:
            raise InvalidTransition(f"run {self.id} is final")
        return parts

    def _require_queued(self) -> None:
        if any(part.state != "queued" for part in self._require_open()):
            raise InvalidTransition(f"a worker has started run {self.id}")

    def _change_open(self, change: Callable[[RunPart], RunPart]) -> Run:
        self._require_open()
        return Run(tuple(part if part.is_final else change(part) for part in self.parts))


def _apply_to_part(part: RunPart, result: ComputeResult, lease: timedelta) -> RunPart:
    if part.is_final and not part.is_presumed_lost:
        return part
    match result:
        case RunningResult():
            return part if part.is_final or _is_old(part, result) else _start(part, result, lease)
        case SucceededResult():
            problem = _own_problem(part, result.failures)
            if problem is not None:
                return _fail(part, result, problem)
            return replace(_finish(part, result), state="succeeded", outcome=_outcome(part, result))
        case FailedResult():
            return _fail(part, result, _own_problem(part, result.failures) or result.problem)
        case SupersededResult():
            return replace(_finish(part, result), state="superseded")
    assert_never(result)


def _own_problem(part: RunPart, failures: Sequence[SegmentFailure]) -> RunProblem | None:
    """Return why the run failed for the part's segment; None when no failure names the segment."""
    return next((failure.problem for failure in failures if failure.segment_id == part.segment_id), None)


def _is_old(part: RunPart, result: RunningResult) -> bool:
    return part.heard_at is not None and result.at <= part.heard_at


def _start(part: RunPart, result: RunningResult, lease: timedelta) -> RunPart:
    return replace(
        part,
        state="running",
        heard_at=result.at,
        started_at=part.started_at or result.at,
        lease_until=result.at + lease,
        progress=_farther(part.progress, result.progress),
    )


def _fail(part: RunPart, result: _FinalResult, problem: RunProblem) -> RunPart:
    return replace(_finish(part, result), state="failed", problem=problem)


def _finish(part: RunPart, result: _FinalResult) -> RunPart:
    """Return the part with the times of its end, and without anything that only an unfinished part has."""
    return replace(
        part,
        heard_at=result.at,
        started_at=part.started_at or result.at - timedelta(milliseconds=result.duration_ms),
        finished_at=result.at,
        lease_until=None,
        outcome=None,
        problem=None,
        progress=None,
    )


def _farther(current: RunProgress | None, reported: RunProgress | None) -> RunProgress | None:
    """Return the greater progress, so that a second attempt does not show the run going backwards."""
    if reported is None or (current is not None and _position(reported) < _position(current)):
        return current
    return reported


def _position(progress: RunProgress) -> tuple[int, float]:
    return _PHASES.index(progress.phase), progress.done / max(1, progress.total)


def _outcome(part: RunPart, result: SucceededResult) -> Outcome:
    empty = SegmentResult(
        segment_id=part.segment_id, version=part.version, size=0, entered=0, exited=0, published=False
    )
    own = next((outcome for outcome in result.segments if outcome.segment_id == part.segment_id), empty)
    return Outcome(
        size=own.size,
        entered=own.entered,
        exited=own.exited,
        counts=result.counts,
        duration_ms=result.duration_ms,
        digest=own.digest,
        published=own.published,
        behind=result.behind,
    )


def _job_segment(segment_id: int, version: int, definition: Group, *, is_static: bool) -> JobSegment:
    return JobSegment(
        id=segment_id, version=version, definition=definition, list_version=version if is_static else None
    )
