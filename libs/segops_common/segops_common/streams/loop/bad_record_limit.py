"""The number of bad records at which a consumer stops instead of skipping a whole topic."""

from __future__ import annotations

from collections import deque

from segops_common.core.clock import Clock
from segops_common.streams.loop.batches import TooManyBadRecords

_WINDOW_S = 600.0
_MAX_RATIO = 0.01
_MIN_RECORDS = 1_000
_MAX_IN_A_ROW = 1_000


class BadRecordLimit:
    """Allows 1,000 bad records in a row and, among at least 1,000 records, 1 % of the last 10 minutes."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int, int]] = deque()
        self._good = 0
        self._bad = 0
        self._in_a_row = 0

    def handled(self, records: int) -> None:
        """Count records that were processed."""
        if records:
            self._in_a_row = 0
            self._note(records, 0)

    def check(self, records: int) -> None:
        """Raise `TooManyBadRecords` if putting aside this many more would exceed a limit."""
        in_a_row, bad = self._in_a_row + records, self._bad + records
        total = self._good + bad
        if in_a_row > _MAX_IN_A_ROW:
            raise TooManyBadRecords(f"{in_a_row} records in a row cannot be processed")
        if total >= _MIN_RECORDS and bad > _MAX_RATIO * total:
            raise TooManyBadRecords(f"{bad} of the last {total} records cannot be processed")

    def put_aside(self, records: int) -> None:
        """Count records that were put aside."""
        self._in_a_row += records
        self._note(0, records)

    def _note(self, good: int, bad: int) -> None:
        now = self._clock.monotonic()
        self._seen.append((now, good, bad))
        self._good += good
        self._bad += bad
        while self._seen[0][0] < now - _WINDOW_S:
            _, old_good, old_bad = self._seen.popleft()
            self._good -= old_good
            self._bad -= old_bad
