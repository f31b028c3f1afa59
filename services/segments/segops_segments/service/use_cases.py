"""The use cases that the HTTP door opens to."""

from __future__ import annotations

from dataclasses import dataclass

from segops_segments.service.request_runs import RunService
from segops_segments.service.run_stream import RunFollowing
from segops_segments.service.segments.manage import SegmentService
from segops_segments.service.static_lists import StaticListService
from segops_segments.service.validation.report import Verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Made once a process."""

    segments: SegmentService
    runs: RunService
    lists: StaticListService
    following: RunFollowing
    verdicts: Verdicts
