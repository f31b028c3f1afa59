"""What operators watch over all tenants: work that waits, and hourly segments whose members are not current.

PostgreSQL finds stale segments by the same rule in SQL, `adapters/postgres/hourly.py`; a contract test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from segops_segments.domain.run import RunPart

StaleCause = Literal["failed", "incomplete", "late"]
LATE_AFTER: Final = timedelta(hours=2)
"""An hourly segment is late when its members are older: an hour until it is due, and one in which to compute it."""


@dataclass(frozen=True, slots=True)
class StaleSegments:
    """How many segments are stale for one cause, and the instant of the oldest members among them."""

    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits. Parts of runs are counted, one for each segment of a run."""

    queued: int = 0
    running: int = 0
    oldest_request: datetime | None = None
    """When the oldest run that has not ended was requested."""
    last_publication: datetime | None = None
    """When the newest run that published members ended."""
    messages: int = 0
    """Messages of the outbox that are not sent."""
    oldest_message: datetime | None = None
    """When the oldest of them was written."""
    stale: Mapping[StaleCause, StaleSegments] = field(default_factory=dict)


def stale_cause(
    served: RunPart | None, settled: RunPart | None, since: datetime, late_before: datetime
) -> StaleCause | None:
    """Return why the members of an hourly segment are not current, None when they are.

    `served` is the newest run that published members, `settled` the newest that succeeded or failed and whose instant is
    not fixed. `since` is the instant of the members, or of the last change of a segment that has none.
    """
    if settled is not None and settled.state == "failed" and (served is None or served.run_id < settled.run_id):
        return "failed"
    if served is not None and served.outcome is not None and served.outcome.behind is not None:
        return "incomplete"
    return "late" if since < late_before else None
