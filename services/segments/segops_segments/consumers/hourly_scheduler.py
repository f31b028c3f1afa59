"""Starts the runs of hourly segments. It runs in the role `outbox`.

`domain/hourly.py` says when a segment is due, and `adapters/postgres/hourly.py` says it in SQL.
"""

from __future__ import annotations

import logging
from typing import Final

from segops_common.streams.loop.timer import Timer
from segops_segments.service.schedule.hourly_runs import RequestHourlyRuns

CHECK_EVERY_S: Final = 5.0
_log = logging.getLogger(__name__)


def hourly_timer(hourly_runs: RequestHourlyRuns) -> Timer:
    """Return the timer that requests runs of the segments that are due; `domain.hourly` says which are."""

    async def request_due() -> None:
        requested = await hourly_runs.request_due()
        if requested:
            _log.info("requested hourly runs of %d segments", requested)

    return Timer("hourly scheduler", request_due, every_s=CHECK_EVERY_S)
