"""Instants as callers write them and as the warehouse stores them: UTC text to the millisecond, which sorts as time does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Self

from segops_ingest.domain.limits import LATEST, OLDEST
from segops_ingest.domain.refusal import EventRefused

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?P<fraction>\.[0-9]+)?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MICROSECOND_DIGITS = 7
_USUAL = "2026-05-20T12:00:00.123Z"
_marks = itemgetter(4, 7, 10, 13, 16, 19, 23)
_USUAL_MARKS = _marks(_USUAL)


def warehouse_text(instant: datetime) -> str:
    """The instant in UTC, cut (not rounded) to milliseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}"


def from_rfc3339(text: str) -> str:
    """Warehouse text of an RFC 3339 instant; ValueError when it is none or lies outside the years 1 to 9999."""
    if len(text) == len(_USUAL) and _marks(text) == _USUAL_MARKS:
        # What JavaScript's toISOString makes needs no arithmetic: with these marks, fromisoformat takes nothing else.
        datetime.fromisoformat(text)
        return f"{text[:10]} {text[11:23]}"
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("not RFC 3339")
    fraction = (found["fraction"] or "")[:_MICROSECOND_DIGITS]
    zone = found["zone"].upper().replace("Z", "+00:00")
    try:
        return warehouse_text(datetime.fromisoformat(f"{text[:19]}{fraction}{zone}"))
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


@dataclass(frozen=True, slots=True)
class TimestampRange:
    """The span of instants an event may have, seen from the moment it was received; all are warehouse text."""

    received_at: str
    oldest: str
    latest: str

    @classmethod
    def around(cls, now: datetime) -> Self:
        """The span around our clock."""
        return cls(
            received_at=warehouse_text(now),
            oldest=warehouse_text(now - OLDEST),
            latest=warehouse_text(now + LATEST),
        )

    def checked(self, instant: str, path: str) -> str:
        """The instant itself; EventRefused when it lies outside the span."""
        if self.oldest <= instant <= self.latest:
            return instant
        raise EventRefused(
            path,
            "timestamp-out-of-range",
            f"must lie at most {OLDEST.days} days in the past and {LATEST.days * 24} hours in the future",
        )
