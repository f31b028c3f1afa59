"""Which run a segment's members come from, and whether they match its present definition and all acknowledged events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from segops_common.contracts.jobs import IngestLag, RunProblem
from segops_segments.domain.run import RunPart

StaleReason = Literal["never-computed", "definition-changed", "reference-changed", "last-run-failed", "run-incomplete"]
ComputeStatus = Literal["draft", "computing", "computed"]
NO_REFERENCES: Final[Mapping[int, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeState:
    """The size of what a segment serves, when that was computed, and whether a run is queued or running."""

    member_count: int = 0
    last_computed_at: datetime | None = None
    is_computing: bool = False

    @property
    def status(self) -> ComputeStatus:
        """`draft` before the first run that published members."""
        if self.is_computing:
            return "computing"
        return "draft" if self.last_computed_at is None else "computed"


DRAFT: Final = ComputeState()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingStatus:
    """The run whose members are served, None before the first; `reason` says why they are stale, None if they are not."""

    served: RunPart | None
    reason: StaleReason | None
    problem: RunProblem | None = None

    @property
    def behind(self) -> IngestLag | None:
        """How far the warehouse was behind when the served members were computed; None when it was not."""
        return None if self.served is None or self.served.outcome is None else self.served.outcome.behind


def serving_status(
    served: RunPart | None,
    settled: RunPart | None,
    definition_version: int,
    references: Mapping[int, int] = NO_REFERENCES,
) -> ServingStatus:
    """Return the status of a segment whose present definition has the number `definition_version`.

    `settled` is the newest run that succeeded or failed and whose instant is not fixed. `references` has the present
    numbers of the segments that the served run read. Members are served until a later run publishes new ones, however
    many runs fail in between.
    """
    if settled is not None and settled.state == "failed" and (served is None or served.run_id < settled.run_id):
        return ServingStatus(served=served, reason="last-run-failed", problem=settled.problem)
    if served is None:
        return ServingStatus(served=None, reason="never-computed")
    return ServingStatus(served=served, reason=_stale_reason(served, definition_version, references))


def _stale_reason(served: RunPart, definition_version: int, references: Mapping[int, int]) -> StaleReason | None:
    """Return the first reason that holds: those that end with a new run on request before the one that ends by itself."""
    if served.version < definition_version:
        return "definition-changed"
    if any(references.get(id, number) > number for id, number in (served.references or {}).items()):
        return "reference-changed"
    if served.outcome is not None and served.outcome.behind is not None:
        return "run-incomplete"
    return None
