"""Dispatches silent runs again, or gives them up. It runs in the role `outbox`."""

from __future__ import annotations

import logging
from typing import Final

from segops_common.streams.loop.timer import Timer
from segops_segments.service.schedule.silent_runs import ReviveSilentRuns

CHECK_EVERY_S: Final = 30.0
_log = logging.getLogger(__name__)


def silent_runs_timer(silent_runs: ReviveSilentRuns) -> Timer:
    """Return the timer that looks for runs without a sign of life from a worker."""

    async def revive() -> None:
        silent = await silent_runs.revive()
        if silent:
            _log.warning("%d runs sent no sign of life; they were dispatched again or failed as lost", silent)

    return Timer("silent runs", revive, every_s=CHECK_EVERY_S)
