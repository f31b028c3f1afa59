"""When a segment with `"refresh": "hourly"` is due for a run.

`consumers/hourly_scheduler.py` asks every five seconds, in the role `outbox`, and `service/schedule/hourly_runs.py`
requests the runs. PostgreSQL answers by the same rule in SQL,
`adapters/postgres/hourly.py`; a contract test compares the two.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from segops_segments.domain.segment import Segment

DUE_AFTER: Final = timedelta(hours=1)
JOINS_AFTER: Final = timedelta(minutes=30)
"""When one segment of a tenant is due, its others join the run once their last run is this old: one pass reads for all."""


def is_due(segment: Segment, last_as_of: datetime | None, not_after: datetime) -> bool:
    """Return whether the scheduler requests a run of the segment.

    `last_as_of` is the latest instant at which a run of it reads the events, None before the first. Every run counts,
    whoever requested it and however it ended, so a segment that always fails is tried once an hour; only runs at an
    instant of the caller's choice do not count. The segment is due when that instant is at or before `not_after`.
    """
    is_hourly = segment.refresh == "hourly" and segment.segment_type != "static"
    return is_hourly and (last_as_of is None or last_as_of <= not_after)
