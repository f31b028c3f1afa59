"""Crash points: named points at which a process ends as if it were killed, for fault tests."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping

from segops_common.core.faults import NO_FAULTS, FaultPoints

CRASHED = 137
"""The exit status of a process that a crash point ended, as after SIGKILL."""

_log = logging.getLogger("segops.faults")


class CrashAt:
    """Ends the process at the named points: no handler and no `finally` runs, and only one log line is flushed.

    `spec` is `name[:rate]`, comma separated; the rate is a probability above 0 and at most 1, which is the default.
    """

    def __init__(
        self, spec: str, *, source: random.Random | None = None, exit_process: Callable[[int], object] = os._exit
    ) -> None:
        self.rates = parse_crash_points(spec)
        self._random = source or random.Random()
        self._exit = exit_process

    def reach(self, name: str) -> None:
        """End the process with the point's probability."""
        rate = self.rates.get(name)
        if rate is None or self._random.random() >= rate:
            return
        _log.critical("crash point %s reached", name)
        for handler in logging.getLogger().handlers:
            handler.flush()
        self._exit(CRASHED)


def parse_crash_points(spec: str) -> Mapping[str, float]:
    """Return the points with their probabilities. Raises ValueError for another form."""
    rates: dict[str, float] = {}
    for part in spec.split(","):
        name, colon, rate = part.strip().partition(":")
        rates[name] = float(rate) if colon else 1.0
        if not name.isidentifier() or not 0 < rates[name] <= 1:
            raise ValueError(
                f"{part.strip()!r} must be a crash point: name or name:rate, with a rate above 0 and at most 1"
            )
    return rates


def fault_points(*, env: str, crash_at: str) -> FaultPoints:
    """Return the crash points of SEGOPS_CRASH_AT. Raises ValueError outside SEGOPS_ENV=test."""
    if not crash_at:
        return NO_FAULTS
    if env != "test":
        raise ValueError("SEGOPS_CRASH_AT must be empty unless SEGOPS_ENV=test")
    return CrashAt(crash_at)
