"""Reports, results and counts of a client."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LOGGER = logging.getLogger("segops_client")
_PERIOD_S = 60.0
_MAX_CAUSES = 10
_MAX_DETAIL = 300


@dataclass(frozen=True)
class Report:
    """An error. `message_ids` lists the dropped events; it is empty if nothing was lost.

    Codes of the client: `invalid-event`, `too-large`, `before-send-failed`, `queue-full`, `opted-out`, `shutdown`,
    `unauthorized`, `unexpected-status`. An event refused by the server has the server's code.
    """

    code: str
    detail: str
    message_ids: Sequence[str] = ()


OnError = Callable[[Report], object]


class Warnings:
    """Logs reports for clients without `on_error`: each cause once a minute, at most ten causes. Never logs an event."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._causes: set[tuple[str, str]] = set()

    def __call__(self, report: Report) -> None:
        """Log the report unless its cause was logged."""
        if self._clock() >= self._until:
            self._until = self._clock() + _PERIOD_S
            self._causes.clear()
        cause = report.code, report.detail
        # Users who opt out want their events dropped.
        if report.code == "opted-out" or cause in self._causes or len(self._causes) >= _MAX_CAUSES:
            return
        self._causes.add(cause)
        outcome = "Event dropped" if report.message_ids else "Events are kept"
        _LOGGER.warning("%s (%s): %s", outcome, report.code, report.detail[:_MAX_DETAIL])


@dataclass(frozen=True)
class Result:
    """How many events of a client were sent, and how many were dropped."""

    sent: int
    dropped: int


@dataclass(frozen=True)
class Stats:
    """Counts since the client was created, and the queue now. `retries` counts repeated requests."""

    sent: int
    dropped: int
    queued: int
    queued_bytes: int
    requests: int
    retries: int
