"""Message ids and times of a client's events, and the clock of the server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from uuid import UUID

SKEW_MS = 60_000
"""Clocks that differ by more are corrected. The server uses the same limit."""


class Stamps:
    """Gives message ids that rise strictly. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_id = 0

    def message_id(self, now_ms: int) -> str:
        """Return a UUID of version 7. Its first 12 random bits are a counter (RFC 9562, section 6.2, method 1)."""
        with self._lock:
            self._last_id = number = max(now_ms << 12, self._last_id + 1)
        milliseconds, counter = number >> 12, number & 0xFFF
        return str(UUID(int=milliseconds << 80 | 7 << 76 | counter << 64 | 2 << 62 | secrets.randbits(62)))


class BatchTimes:
    """Gives events their times: never before the call, never earlier within a batch, always later in the next batch.

    The server orders equal times of a batch by their position. So times are ahead of the clock by at most a
    millisecond for each batch, however many events are tracked at once.
    """

    def __init__(self) -> None:
        self._start_ms = self._next_ms = 0

    def of(self, calls_ms: Iterable[int]) -> list[int]:
        """Return the times of a batch by the times of its calls, in order."""
        at_ms, times = self._start_ms, []
        for call_ms in calls_ms:
            # If the clock was set back, holding on to times of the future would hide events until then.
            at_ms = at_ms if call_ms < at_ms <= call_ms + SKEW_MS else call_ms
            times.append(at_ms)
        self._next_ms = at_ms + 1
        return times

    def keep(self) -> None:
        """Make the next batch later than the last one, because that one is stored or may be."""
        self._start_ms = self._next_ms


class ServerClock:
    """Knows how far the server's clock is ahead of this one, in milliseconds; None until a response told."""

    def __init__(self) -> None:
        self.ahead_ms: int | None = None

    def learn(self, date: str, sent_ms: int) -> None:
        """Take the Date of the response to a request that was sent at `sent_ms`.

        A Date is cut to seconds. It is rounded up, so that events corrected by it are not before events of that
        request, which the server corrected by its `sent_at`.
        """
        at = parsed_date(date)
        if at is None:
            return
        ahead_ms = round(at.timestamp() * 1000) + 1000 - sent_ms
        # An estimate that differs by less says nothing new, and times must not go back.
        if self.ahead_ms is None or abs(ahead_ms - self.ahead_ms) > SKEW_MS:
            self.ahead_ms = ahead_ms if abs(ahead_ms) > SKEW_MS else 0


def parsed_date(text: str) -> datetime | None:
    """Return the instant of an HTTP date; None if it is not one."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or timezone.utc)
