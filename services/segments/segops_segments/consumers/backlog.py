"""Reads what waits, for metrics. It runs in the role `outbox`."""

from __future__ import annotations

from typing import Final

from segops_common.streams.loop.timer import Timer
from segops_segments.service.schedule.watch_backlog import WatchBacklog

READ_EVERY_S: Final = 60.0
"""Every replica reads two rows by index for each hourly segment of all tenants."""


def backlog_timer(backlog: WatchBacklog) -> Timer:
    """Return the timer that reads the backlog."""
    return Timer("backlog", backlog.read, every_s=READ_EVERY_S)
