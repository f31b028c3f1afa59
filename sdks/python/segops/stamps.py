"""Message ids and times of a client's events, and the clock of the server."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

SKEW_MS = 60_000
"""Clocks that differ by more are corrected. The server uses the same limit."""
_MAX_PROFILES = 10_000


class Stamps:
    """Gives ids that rise strictly, and times that rise by at least a millisecond for each profile. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_id = 0
        self._times: dict[str, int] = {}
        self._floor = self._latest = 0

    def message_id(self, now_ms: int) -> str:
        """Return a UUID of version 7. Its first 12 random bits are a counter (RFC 9562, section 6.2, method 1)."""
        with self._lock:
            self._last_id = number = max(now_ms << 12, self._last_id + 1)
        milliseconds, counter = number >> 12, number & 0xFFF
        return str(UUID(int=milliseconds << 80 | 7 << 76 | counter << 64 | 2 << 62 | secrets.randbits(62)))

    def time_ms(self, profile: str, now_ms: int) -> int:
        """Return the time of the profile's next event. Other profiles do not push it into the future."""
        with self._lock:
            if self._latest > now_ms + SKEW_MS:
                # The clock was set back: holding on to times of the future would hide events until then.
                self._times.clear()
                self._floor = self._latest = 0
            elif now_ms > self._latest or len(self._times) >= _MAX_PROFILES:
                self._times.clear()
                self._floor = self._latest
            self._times[profile] = at = max(now_ms, self._times.get(profile, self._floor) + 1)
            self._latest = max(self._latest, at)
            return at


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
    return at.replace(tzinfo=at.tzinfo or UTC)
