"""The state that the parts of the memory store share."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from segops_segments.domain.backlog import StaleCause, StaleSegments, stale_cause
from segops_segments.domain.hourly import is_due
from segops_segments.domain.incomplete import must_be_repeated
from segops_segments.domain.run import Run, RunPart
from segops_segments.domain.segment import Segment, Version
from segops_segments.ports.outbox import OutboxMessage


@dataclass(slots=True)
class State:
    """Everything that is stored; runs, versions and messages are in the order of their ids."""

    segments: dict[int, Segment] = field(default_factory=dict)
    deleted: dict[int, datetime] = field(default_factory=dict)
    versions: dict[int, list[Version]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[int, Run] = field(default_factory=dict)
    messages: dict[int, OutboxMessage] = field(default_factory=dict)
    written_at: dict[int, datetime] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    sent: dict[int, datetime] = field(default_factory=dict)

    def present(self, tenants: Collection[int]) -> list[Segment]:
        """Return the segments of these tenants that are not deleted."""
        return [
            segment
            for segment in self.segments.values()
            if segment.tenant_id in tenants and segment.id not in self.deleted
        ]

    def due(self, not_after: datetime) -> list[Segment]:
        """Return the segments of all tenants that are due."""
        last: dict[int, datetime] = {}
        for part in (part for run in self.runs.values() for part in run.parts if not part.fixed):
            last[part.segment_id] = max(part.as_of, last.get(part.segment_id, part.as_of))
        return [
            segment
            for segment in self.segments.values()
            if segment.id not in self.deleted and is_due(segment, last.get(segment.id), not_after)
        ]

    def incomplete(self) -> list[Segment]:
        """Return the segments of all tenants that are computed again because their run was incomplete."""
        parts: defaultdict[int, list[RunPart]] = defaultdict(list)
        for part in (part for run in self.runs.values() for part in run.parts):
            parts[part.segment_id].append(part)
        return [
            segment
            for segment in self.segments.values()
            if segment.id not in self.deleted and must_be_repeated(parts[segment.id])
        ]

    def stale(self, late_before: datetime) -> dict[StaleCause, StaleSegments]:
        """Return the hourly segments of all tenants that are stale, by cause."""
        instants: defaultdict[StaleCause, list[datetime]] = defaultdict(list)
        for segment in self.segments.values():
            if segment.id in self.deleted or segment.refresh != "hourly" or segment.segment_type == "static":
                continue
            parts = [part for run in self.runs.values() for part in run.parts if part.segment_id == segment.id]
            served = next((part for part in parts[::-1] if part.outcome is not None and part.outcome.published), None)
            settled = [part for part in parts if part.state in ("succeeded", "failed") and not part.fixed]
            since = segment.updated_at if served is None else served.as_of
            cause = stale_cause(served, settled[-1] if settled else None, since, late_before)
            if cause is not None:
                instants[cause].append(since)
        return {cause: StaleSegments(len(times), min(times)) for cause, times in instants.items()}

    def unsent(self) -> list[OutboxMessage]:
        """Return the messages that no relay has sent."""
        return [message for message in self.messages.values() if message.id not in self.sent]


class MemorySession:
    """A transaction's own copy of the state, and the source of new ids."""

    def __init__(self, state: State, ids: itertools.count[int]) -> None:
        self._state = state
        self._ids = ids
