"""Which run a segment's members come from, and whether they match its present definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segops_common.contracts.jobs import RunProblem
from segops_segments.domain.run import RunPart

StaleReason = Literal["never-computed", "definition-changed", "last-run-failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingStatus:
    """The run whose members are served, None before the first; `reason` says why they are stale, None if they are not."""

    served: RunPart | None
    reason: StaleReason | None
    problem: RunProblem | None = None


def serving_status(served: RunPart | None, settled: RunPart | None, definition_version: int) -> ServingStatus:
    """Return the status of a segment whose present definition has the number `definition_version`.

    `settled` is the newest run that succeeded or failed and whose instant is not fixed. Members are served until a later
    run publishes new ones, however many runs fail in between.
    """
    if settled is not None and settled.state == "failed" and (served is None or served.run_id < settled.run_id):
        return ServingStatus(served=served, reason="last-run-failed", problem=settled.problem)
    if served is None:
        return ServingStatus(served=None, reason="never-computed")
    is_outdated = served.version < definition_version
    return ServingStatus(served=served, reason="definition-changed" if is_outdated else None)
