"""Refusing appends early: a bound on bytes in flight, and a breaker while the log does not answer."""

from __future__ import annotations

from collections import deque

from segops_common.core.clock import Clock
from segops_common.streams.log import MAX_BYTES_IN_FLIGHT, MAX_RECORD_BYTES, LogUnavailable, RecordTooLarge

_TIMEOUTS_TO_OPEN = 5
_WINDOW_S = 5.0
_PROBE_EVERY_S = 1.0


class AppendGuard:
    """Asked before each append and told its outcome.

    After 5 timeouts within 5 s appends are refused at once, but for one probe a second, until one succeeds.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._timeouts: deque[float] = deque(maxlen=_TIMEOUTS_TO_OPEN)
        self._open = False
        self._probed_at = 0.0

    def admit(self, sizes: list[int], *, in_flight: int) -> None:
        """Raises `RecordTooLarge`, or `LogUnavailable` when the append must not be tried now."""
        largest = max(sizes, default=0)
        if largest > MAX_RECORD_BYTES:
            raise RecordTooLarge(f"a record of {largest} bytes is over the limit of {MAX_RECORD_BYTES}")
        if in_flight + sum(sizes) > MAX_BYTES_IN_FLIGHT:
            raise LogUnavailable("too many bytes wait for the event log; this append was not tried")
        if self._open:
            now = self._clock.monotonic()
            if now - self._probed_at < _PROBE_EVERY_S:
                raise LogUnavailable("the event log does not answer; this append was not tried")
            self._probed_at = now

    def succeeded(self) -> None:
        """An append was confirmed."""
        self._open = False
        self._timeouts.clear()

    def timed_out(self) -> None:
        """An append was not confirmed within its deadline."""
        now = self._clock.monotonic()
        self._timeouts.append(now)
        if len(self._timeouts) == _TIMEOUTS_TO_OPEN and now - self._timeouts[0] <= _WINDOW_S:
            self._open = True
            self._probed_at = now
