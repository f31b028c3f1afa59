"""Refuses appends early: a bound on unconfirmed bytes, and a circuit breaker while the log does not respond."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from segops_common.core.clock import Clock
from segops_common.streams.log import (
    APPEND_DEADLINE_S,
    MAX_BYTES_IN_FLIGHT,
    MAX_RECORD_BYTES,
    LogUnavailable,
    RecordTooLarge,
)

_TIMEOUTS_TO_OPEN = 5
_WINDOW_S = 5.0
_PROBE_EVERY_S = 1.0


class AppendGuard:
    """Admits appends and notes their outcomes.

    After 5 timeouts within 5 s, appends are refused at once, except one probe a second, until one succeeds.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._timeouts: deque[float] = deque(maxlen=_TIMEOUTS_TO_OPEN)
        self._open = False
        self._probed_at = 0.0

    def admit(self, sizes: list[int], *, in_flight: int) -> None:
        """Raise `RecordTooLarge`, or `LogUnavailable` when the append must not be attempted now."""
        largest = max(sizes, default=0)
        if largest > MAX_RECORD_BYTES:
            raise RecordTooLarge(f"a record of {largest} bytes is over the limit of {MAX_RECORD_BYTES}")
        if in_flight + sum(sizes) > MAX_BYTES_IN_FLIGHT:
            raise LogUnavailable("too many bytes are unconfirmed by the event log; this append was not attempted")
        if self._open:
            now = self._clock.monotonic()
            if now - self._probed_at < _PROBE_EVERY_S:
                raise LogUnavailable("the event log does not respond; this append was not attempted")
            self._probed_at = now

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Bound an append, and note its outcome. Raises `LogUnavailable` when it was not confirmed in time."""
        try:
            async with asyncio.timeout(APPEND_DEADLINE_S):
                yield
        except TimeoutError as error:
            self.timed_out()
            raise LogUnavailable("the event log did not confirm in time; it may have stored the record") from error
        self.succeeded()

    def succeeded(self) -> None:
        """Close the breaker: an append was confirmed."""
        self._open = False
        self._timeouts.clear()

    def timed_out(self) -> None:
        """Count an append that was not confirmed within its deadline."""
        now = self._clock.monotonic()
        self._timeouts.append(now)
        if len(self._timeouts) == _TIMEOUTS_TO_OPEN and now - self._timeouts[0] <= _WINDOW_S:
            self._open = True
            self._probed_at = now
