"""Messages between the segments service and the membership service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SerializerFunctionWrapHandler,
    model_serializer,
)

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


ChangeReason = Literal["run", "definition", "list"]
"""Why a run changed members: nothing but time and events, a new definition of the segment, or its static list."""


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
    reason: ChangeReason = Field(default="run", description="Why members changed since the run that was reported last.")


class IngestLag(_Message):
    """How far the warehouse was behind the events that were acknowledged before a run read them.

    Both are None when the event log did not answer, so that nobody knows.
    """

    positions: int | None = Field(description="Records of the event log that were not stored yet.")
    seconds: float | None = Field(description="The age of the oldest of them.")


class SegmentFailure(_Message):
    """Why a run failed for one of its segments."""

    segment_id: int
    problem: RunProblem


class _RunReport(_Message):
    """What every report of a run says; `duration_ms` counts from the start of the attempt."""

    run_id: int
    tenant_id: int
    at: AwareDatetime
    duration_ms: int = 0

    @model_serializer(mode="wrap")
    def _with_every_key(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Readers of schema version 1 know one flat message: a report also writes the keys that its status has no use for.
        return {**_KEYS_OF_EVERY_STATUS, **handler(self)}


class RunningResult(_RunReport):
    """The run is being computed."""

    status: Literal["running"] = "running"
    progress: RunProgress | None = None


class SucceededResult(_RunReport):
    """Final: the run has results; `failures` are the segments for which it failed nevertheless.

    A run that is `behind` is incomplete: it could not see every event that was acknowledged before it.
    """

    status: Literal["succeeded"] = "succeeded"
    segments: tuple[SegmentResult, ...] = ()
    failures: tuple[SegmentFailure, ...] = Field(default=(), exclude_if=lambda failures: not failures)
    counts: RunCounts = RunCounts()
    behind: IngestLag | None = Field(default=None, exclude_if=lambda behind: behind is None)


class FailedResult(_RunReport):
    """Final: the run failed for all of its segments. `problem` is the first failure's, or that of the whole run."""

    status: Literal["failed"] = "failed"
    problem: RunProblem
    failures: tuple[SegmentFailure, ...] = Field(default=(), exclude_if=lambda failures: not failures)


class SupersededResult(_RunReport):
    """Final: later runs of all its segments are published already, so nothing was computed."""

    status: Literal["superseded"] = "superseded"


_KEYS_OF_EVERY_STATUS: Final[Mapping[str, object]] = {
    "segments": (),
    "counts": RunCounts().model_dump(),
    "problem": None,
    "progress": None,
}

ComputeResult = Annotated[
    RunningResult | SucceededResult | FailedResult | SupersededResult, Field(discriminator="status")
]
"""A change of a run's state, told apart by `status`."""


class ComputeResultMessage(RootModel[ComputeResult]):
    """A `ComputeResult` as it is on the topic."""

    model_config = ConfigDict(frozen=True)


class SegmentChanged(_Message):
    """The present state of a segment after a change."""

    tenant_id: int
    segment_id: int
    version: int
    definition: Group
    refresh: Literal["manual", "hourly", "live"]
    deleted: bool
    name: str | None = None
    """The segment's name; None in messages of versions that did not publish it."""


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
    """A user entered or left a segment by a published run.

    With the reason `erasure`, the user left because they were erased; `run_id` is then the run that was published last.
    """

    tenant_id: int
    segment_id: int
    user_id: str
    change: Literal["entered", "exited"]
    run_id: int
    at: AwareDatetime
    version: int | None = Field(default=None, description="The version of the segment that the run computed.")
    reason: ChangeReason | Literal["erasure"] = "run"
