"""Repeats incomplete runs. It runs in the role `outbox`; `domain/incomplete.py` says which runs."""

from __future__ import annotations

import logging
from typing import Final

from segops_common.streams.loop.timer import Timer
from segops_segments.service.schedule.catch_up import RepeatIncompleteRuns

CHECK_EVERY_S: Final = 1.0
_log = logging.getLogger(__name__)


def catch_up_timer(incomplete_runs: RepeatIncompleteRuns) -> Timer:
    """Return the timer that repeats runs whose missing events are stored by now."""

    async def request_due() -> None:
        requested = await incomplete_runs.request_due()
        if requested:
            _log.info("requested runs of %d segments again, whose runs were incomplete", requested)

    return Timer("catch-up", request_due, every_s=CHECK_EVERY_S)
