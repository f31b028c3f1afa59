"""The use cases that the HTTP door opens to."""

from __future__ import annotations

from dataclasses import dataclass

from segops_segments.ports import Observed
from segops_segments.service.runs import RunService
from segops_segments.service.segments import SegmentService


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Made once a process."""

    segments: SegmentService
    runs: RunService
    observed: Observed
