"""Messages between the segments service and the membership service."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from segops_language import Group

RunStatus = Literal["running", "succeeded", "failed", "superseded"]
RunPhase = Literal["numbering", "evaluating", "comparing", "publishing"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobSegment(_Message):
    """A segment of a job, with the definition to evaluate: the worker never calls back.

    A static segment has a `list_version` instead: its members are its list, as it was after that change or a later one.
    """

    id: int
    version: int
    definition: Group
    list_version: int | None = Field(default=None, exclude_if=lambda version: version is None)


class ComputeJob(_Message):
    """One run. Run ids rise with the order of the requests in a tenant.

    `references` are all segments that the definitions refer to, directly or through others, as they were at one moment.
    """

    run_id: int
    tenant_id: int
    segments: tuple[JobSegment, ...] = Field(min_length=1)
    references: tuple[JobSegment, ...] = Field(default=(), exclude_if=lambda references: not references)
    as_of: AwareDatetime
    requested_by: str


class RunProblem(_Message):
    """Why a run failed, in the words of a problem document."""

    type: str
    title: str
    detail: str


class RunCounts(_Message):
    """What a run read and how long it took."""

    universe: int = 0
    rows_read: int = 0
    bytes_read: int = 0


class RunProgress(_Message):
    """How far a running job is: what it does, in the order of the phases, and how many questions of all are answered."""

    phase: RunPhase
    done: int
    total: int


class SegmentResult(_Message):
    """The outcome for one segment of a run: sizes in profiles."""

    segment_id: int
    version: int
    size: int
    entered: int
    exited: int
    digest: str | None = Field(
        default=None,
        description="32 hexadecimal digits, equal for equal sets of user ids: the sums modulo 2^64 of XXH64 and of XXH3.",
    )
    published: bool = Field(default=True, description="False when the run is of an instant before what is published.")


class SegmentFailure(_Message):
    """Why a run failed for one of its segments."""

    segment_id: int
    problem: RunProblem


class ComputeResult(_Message):
    """A change of a run's state; `succeeded`, `failed` and `superseded` are final.

    A run that `succeeded` may have failed for some of its segments; one that `failed` did so for all.
    """

    run_id: int
    tenant_id: int
    status: RunStatus
    at: AwareDatetime
    segments: tuple[SegmentResult, ...] = ()
    failures: tuple[SegmentFailure, ...] = Field(default=(), exclude_if=lambda failures: not failures)
    counts: RunCounts = RunCounts()
    duration_ms: int = 0
    problem: RunProblem | None = None
    progress: RunProgress | None = None


class SegmentChanged(_Message):
    """The present state of a segment after a change."""

    tenant_id: int
    segment_id: int
    version: int
    definition: Group
    refresh: Literal["manual", "hourly", "live"]
    deleted: bool


class StaticMembersChanged(_Message):
    """A portion of a change of a static segment's list: the parts come in order, all of them or none.

    Version `list_version` is what `base_version` was, less `remove` and plus `add` of all parts; with `replace`, of an
    empty list. With `deleted` the segment is gone, and its list with it.
    """

    tenant_id: int
    segment_id: int
    list_version: int
    base_version: int
    part: int
    parts: int
    replace: bool = False
    deleted: bool = False
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class MembershipChanged(_Message):
    """A user entered or left a segment by a published run."""

    tenant_id: int
    segment_id: int
    user_id: str
    change: Literal["entered", "exited"]
    run_id: int
    at: AwareDatetime
