"""Bodies that show runs, and what a segment serves."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.contracts.jobs import IngestLag, RunPhase, RunProblem, RunProgress
from segops_common.web.fields import ListResponse, list_example
from segops_segments.api.schemas.bases import AT, ResponseBody
from segops_segments.domain.run import RunPart, RunState
from segops_segments.domain.serving_status import ServingStatus, StaleReason

MEMBERSHIP: Final[JsonDict] = {
    "run_id": "17",
    "as_of": AT,
    "version": 1,
    "size": 1204,
    "computed_at": AT,
    "stale": True,
    "stale_reason": "definition-changed",
}
RUN: Final[JsonDict] = {
    "run_id": "17",
    "segment_id": 42,
    "version": 2,
    "status": "succeeded",
    "as_of": AT,
    "requested_by": "user:7",
    "requested_at": AT,
    "started_at": AT,
    "finished_at": AT,
    "size": 1204,
    "entered": 31,
    "exited": 8,
    "published": True,
    "incomplete": False,
    "universe": 60000,
    "duration_ms": 412,
    "rows_read": 251300,
    "bytes_read": 6031200,
    "digest": "8d0c8f6f2f2f7b1e54a3c1b09e5d7a42",
}


class BehindRead(ResponseBody):
    """How far the warehouse was behind the acknowledged events. Null: unknown, because the event log did not answer."""

    positions: int | None = Field(
        description="Records of the event log that were not stored yet; a record has many events."
    )
    seconds: float | None = Field(description="The age of the oldest of them.")

    @classmethod
    def of(cls, lag: IngestLag | None) -> BehindRead | None:
        """Return the response for a lag; None without one."""
        return None if lag is None else cls(positions=lag.positions, seconds=lag.seconds)


class RunProblemRead(ResponseBody):
    """Why a run failed."""

    type: str
    title: str
    detail: str

    @classmethod
    def of(cls, problem: RunProblem) -> RunProblemRead:
        """Return the response for a problem."""
        return cls(type=problem.type, title=problem.title, detail=problem.detail)


class ServedMembership(ResponseBody):
    """The membership that lookups return for the segment, and whether it is stale.

    A membership is served until a later run publishes a new one. To end staleness, compute the segment. An incomplete
    run is repeated without a request, as soon as the events that it lacked are stored.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [MEMBERSHIP]})

    run_id: str | None = Field(description="The run that published the membership; null before the first run.")
    as_of: datetime | None
    version: int | None = Field(description="The segment version whose definition was evaluated.")
    size: int | None
    computed_at: datetime | None
    stale: bool
    stale_reason: StaleReason | None = Field(
        description="`reference-changed`: the definition or the list of a segment that this one refers to, directly or"
        " through others. `run-incomplete`: `behind` says how much was missing."
    )
    behind: BehindRead | None = Field(
        default=None, description="How far behind the acknowledged events the run was; null when it saw them all."
    )
    problem: RunProblemRead | None = Field(default=None, description="Why the last run failed.")

    @classmethod
    def of(cls, status: ServingStatus) -> ServedMembership:
        """Return the response for a serving status."""
        run = status.served
        return cls(
            run_id=None if run is None else str(run.run_id),
            as_of=None if run is None else run.as_of,
            version=None if run is None else run.version,
            size=None if run is None or run.outcome is None else run.outcome.size,
            computed_at=None if run is None else run.finished_at,
            stale=status.reason is not None,
            stale_reason=status.reason,
            behind=BehindRead.of(status.behind),
            problem=None if status.problem is None else RunProblemRead.of(status.problem),
        )


class RunProgressRead(ResponseBody):
    """The phase of a running run, and how many of its warehouse queries are done."""

    phase: RunPhase
    done: int
    total: int

    @classmethod
    def of(cls, progress: RunProgress) -> RunProgressRead:
        """Return the response for the progress of a run."""
        return cls(phase=progress.phase, done=progress.done, total=progress.total)


class RunRead(ResponseBody):
    """A run as it concerns the segment. Sizes count profiles and are null until the run has succeeded."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    run_id: str
    segment_id: int
    version: int = Field(description="The segment version whose definition is evaluated.")
    status: RunState
    as_of: datetime
    requested_by: str = Field(
        description="`user:<id>`, `key:<id>`, `schedule` for an hourly run, or `catch-up` for the"
        " repetition of an incomplete run."
    )
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    size: int | None
    entered: int | None
    exited: int | None
    published: bool | None = Field(
        description="Whether the run published its members. False when it read the events at an earlier instant than the"
        " members that were being served."
    )
    incomplete: bool | None = Field(
        description="True when events that were acknowledged before the run were not stored in time, so they do not count."
        " Its changes are reported on `segops.membership-changes` by the next complete run."
    )
    behind: BehindRead | None = Field(default=None, description="How far the warehouse was behind an incomplete run.")
    universe: int | None
    duration_ms: int | None
    rows_read: int | None = Field(description="Rows read from the warehouse, for all segments of the run together.")
    bytes_read: int | None = Field(
        description="Uncompressed bytes read from the warehouse, for all segments of the run together."
    )
    digest: str | None = Field(
        description="32 hexadecimal digits. Runs with the same members have the same digest, in whatever order events came."
    )
    progress: RunProgressRead | None = Field(
        default=None, description="Only while the run is running; never decreases."
    )
    problem: RunProblemRead | None = Field(default=None, description="Only of a failed run.")

    @classmethod
    def of(cls, part: RunPart) -> RunRead:
        """Return the response for a part of a run."""
        outcome = part.outcome
        return cls(
            run_id=str(part.run_id),
            segment_id=part.segment_id,
            version=part.version,
            status=part.state,
            as_of=part.as_of,
            requested_by=part.requested_by,
            requested_at=part.requested_at,
            started_at=part.started_at,
            finished_at=part.finished_at,
            size=None if outcome is None else outcome.size,
            entered=None if outcome is None else outcome.entered,
            exited=None if outcome is None else outcome.exited,
            published=None if outcome is None else outcome.published,
            incomplete=None if outcome is None else outcome.behind is not None,
            behind=None if outcome is None else BehindRead.of(outcome.behind),
            universe=None if outcome is None else outcome.counts.universe,
            duration_ms=None if outcome is None else outcome.duration_ms,
            rows_read=None if outcome is None else outcome.counts.rows_read,
            bytes_read=None if outcome is None else outcome.counts.bytes_read,
            digest=None if outcome is None else outcome.digest,
            progress=None if part.progress is None else RunProgressRead.of(part.progress),
            problem=None if part.problem is None else RunProblemRead.of(part.problem),
        )


class RunList(ListResponse[RunRead]):
    """Runs, newest first."""

    model_config = list_example("/api/segments/42/runs/", RUN)
