"""Where the members that a segment serves come from, and whether they are what its definition says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segops_common.contracts.jobs import RunProblem
from segops_segments.domain.run import Run

StaleReason = Literal["never-computed", "definition-changed", "last-run-failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The run whose members are served, None before the first; `reason` is why they are not what was asked for last."""

    served: Run | None
    reason: StaleReason | None
    problem: RunProblem | None = None


def standing_of(served: Run | None, settled: Run | None, version_in_force: int) -> Standing:
    """`settled` is the newest run as of its request that succeeded or failed.

    What a run published is served until a later one publishes, however many fail in between.
    """
    if settled is not None and settled.state == "failed" and (served is None or served.id < settled.id):
        return Standing(served=served, reason="last-run-failed", problem=settled.problem)
    if served is None:
        return Standing(served=None, reason="never-computed")
    changed = served.version < version_in_force
    return Standing(served=served, reason="definition-changed" if changed else None)
