"""Timestamps in RFC 3339, as callers send them, and as warehouse text: UTC with milliseconds, which sorts by time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Self

from segops_common.contracts.http import IMPORT_PATH
from segops_ingest.domain.limits import CLOCK_SKEW, LATEST, OLDEST, OLDEST_IMPORTED, UNSURE_SKEW
from segops_ingest.domain.refusal import EventRefused
from segops_language.values.instants import parse_instant

_AHEAD = f"{LATEST.days * 24} hours in the future"
_USUAL = "2026-05-20T12:00:00.123Z"
_marks = itemgetter(4, 7, 10, 13, 16, 19, 23)
_USUAL_MARKS = _marks(_USUAL)


def warehouse_text(instant: datetime) -> str:
    """Return the instant in UTC, cut (not rounded) to milliseconds."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")


def from_rfc3339(text: str) -> str:
    """Convert an RFC 3339 time to warehouse text. Raises ValueError if it is malformed or outside the years 1 to 9999."""
    if len(text) == len(_USUAL) and _marks(text) == _USUAL_MARKS:
        # The form of JavaScript's toISOString needs no arithmetic. With these marks, fromisoformat accepts no other form.
        with suppress(ValueError):
            datetime.fromisoformat(text)
            return f"{text[:10]} {text[11:23]}"
    return warehouse_text(parse_instant(text))


@dataclass(frozen=True, slots=True)
class TimestampRange:
    """The timestamps that an event may have, in warehouse text. `rule` describes them."""

    received_at: str
    oldest: str
    latest: str
    rule: str

    @classmethod
    def around(cls, now: datetime) -> Self:
        """Return the range of live events, around the current time."""
        rule = f"must be at most {OLDEST.days} days in the past and {_AHEAD}: send older events to `{IMPORT_PATH}`"
        return cls._ending(now, warehouse_text(now - OLDEST), rule)

    @classmethod
    def of_imports(cls, now: datetime) -> Self:
        """Return the range of imported events, up to shortly after the current time."""
        oldest = warehouse_text(OLDEST_IMPORTED)
        return cls._ending(now, oldest, f"must be from {oldest[:10]} on and at most {_AHEAD}")

    @classmethod
    def _ending(cls, now: datetime, oldest: str, rule: str) -> Self:
        return cls(received_at=warehouse_text(now), oldest=oldest, latest=warehouse_text(now + LATEST), rule=rule)

    def check(self, instant: str, path: str) -> str:
        """Return the instant. Raises EventRefused if it is outside the range."""
        if self.oldest <= instant <= self.latest:
            return instant
        raise EventRefused(path, "timestamp-out-of-range", self.rule)


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """How far the server's clock is ahead of a client's, as `sent_at` shows it."""

    ahead: timedelta

    @classmethod
    def between(cls, sent_at: str, received_at: str) -> Self:
        """Return the skew between two times in warehouse text."""
        return cls(datetime.fromisoformat(received_at) - datetime.fromisoformat(sent_at))

    @property
    def is_unsure(self) -> bool:
        """Whether another attempt of the same events may be corrected differently."""
        return abs(self.ahead) >= UNSURE_SKEW

    def correct(self, instant: str) -> str:
        """Return the time by the server's clock; the same time for a small skew, and at the ends of the calendar."""
        if abs(self.ahead) <= CLOCK_SKEW:
            return instant
        try:
            return warehouse_text((datetime.fromisoformat(instant) + self.ahead).replace(tzinfo=UTC))
        except OverflowError:
            return instant
