"""Instants: RFC 3339 texts, and whole milliseconds since 1970, the precision at which times compare."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.values.durations import DURATION, Duration, parse_duration
from segops_language.values.texts import require_text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DATE: Final = r"(\d{4})-(\d{2})-(\d{2})"
_TIME: Final = r"(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?"
RFC3339_INSTANT: Final = rf"{_DATE}[Tt ]{_TIME}(?:[Zz]|([+-]\d{{2}}):(\d{{2}}))"
"""The form of an instant in definitions and events, for RE2 and Python."""
_RFC3339: Final = re.compile(RFC3339_INSTANT, re.ASCII)
PROPERTY_INSTANT: Final = rf"{_DATE}(?:[Tt ]{_TIME}(?:[Zz]|([+-]\d{{2}}):?(\d{{2}}))?)?"
"""The form of an instant in a property, for RE2 and Python. Groups: year, month, day, hour, minute, second, fraction, hours
and minutes of the offset. More forms than RFC 3339: a date alone, a time without a zone, an offset without a colon."""
EPOCH_TEXT: Final = r"\d{10,}(?:\.\d+)?"
"""The form of an epoch number in a string. Fewer digits are a number, but no instant."""
_PROPERTY_INSTANT: Final = re.compile(PROPERTY_INSTANT, re.ASCII)
_EPOCH_TEXT: Final = re.compile(EPOCH_TEXT, re.ASCII)
MIN_INSTANT_MS: Final = -62_135_596_800_000
MAX_INSTANT_MS: Final = 253_402_300_799_999
"""The first and the last millisecond of the years 1 to 9999."""
_FIRST_MILLISECONDS: Final = 100_000_000_000
"""Epoch numbers from here on count milliseconds, smaller ones seconds."""


def to_ms(instant: datetime) -> int:
    """Return an aware instant in milliseconds, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the instant in UTC; raises OverflowError outside of the years 1 to 9999."""
    return _EPOCH + milliseconds * _MILLISECOND


def parse_instant(value: object) -> datetime:
    """Parse an RFC 3339 instant with a zone; return it in UTC, rounded down to milliseconds.

    POSIX time has no leap seconds: second 60 is second 0 of the next minute.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _to_milliseconds(value.astimezone(UTC))
    match = _RFC3339.fullmatch(require_text(value))
    instant = None if match is None else _instant_of(match)
    if instant is None:
        raise PydanticCustomError("invalid-instant", "must be an RFC 3339 instant with an offset or Z")
    return instant


def read_instant(text: str) -> float | None:
    """Return the instant that a string in a property means, in milliseconds since 1970; None if it means none.

    Reads PROPERTY_INSTANT, without a zone as UTC, and EPOCH_TEXT as the number that it spells.
    """
    match = _PROPERTY_INSTANT.fullmatch(text)
    if match is not None:
        instant = _instant_of(match)
        return None if instant is None else to_ms(instant)
    return epoch_ms(float(text)) if _EPOCH_TEXT.fullmatch(text) else None


def is_rfc3339(text: str) -> bool:
    """Return whether the string has the form that definitions and timestamps have."""
    return _RFC3339.fullmatch(text) is not None


def epoch_ms(number: float) -> float | None:
    """Return an epoch number of seconds, or of milliseconds from 100,000,000,000 on, in milliseconds, rounded down.

    Return None outside of the years 1 to 9999. Seconds are rounded to microseconds first, because most fractions of a second
    have no exact double.
    """
    if not -_FIRST_MILLISECONDS <= number <= MAX_INSTANT_MS:
        return None
    milliseconds = math.floor(number if number >= _FIRST_MILLISECONDS else float(round(number * 1e6)) / 1000)
    return float(milliseconds) if MIN_INSTANT_MS <= milliseconds <= MAX_INSTANT_MS else None


def _instant_of(match: re.Match[str]) -> datetime | None:
    """Return the instant in UTC; None if the date or time does not exist, or outside of the years 1 to 9999."""
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    fraction, offset_hours, offset_minutes = match.groups()[6:]
    offset = int(offset_hours or 0), int(offset_minutes or 0)
    if hour > 23 or minute > 59 or second > 60 or abs(offset[0]) > 23 or offset[1] > 59:
        return None
    sign = -1 if (offset_hours or "").startswith("-") else 1
    minutes = hour * 60 + minute - sign * (abs(offset[0]) * 60 + offset[1])
    try:
        start = datetime(year, month, day, tzinfo=UTC)
        return start + timedelta(minutes=minutes, seconds=second, milliseconds=int(f"{fraction or ''}000"[:3]))
    except (ValueError, OverflowError):
        return None


def _to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """Return the canonical text of an instant: UTC, milliseconds, Z."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + f"{instant.microsecond // 1000:03d}Z"


def parse_time_point(value: object) -> datetime | Duration:
    """Parse an instant, or a duration before `as_of` (`-60d`), which is returned as a Duration."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str) and value.startswith("-"):
        return parse_duration(value[1:])
    return parse_instant(value)


def format_time_point(point: datetime | Duration) -> str:
    """Return the text that `parse_time_point` reads."""
    return f"-{point}" if isinstance(point, Duration) else format_instant(point)


def parse_instant_or_duration(value: object) -> datetime | Duration:
    """Parse an instant or a duration, whichever the text looks like."""
    if isinstance(value, Duration) or (isinstance(value, str) and DURATION.fullmatch(value)):
        return parse_duration(value)
    return parse_instant(value)


def format_instant_or_duration(value: datetime | Duration) -> str:
    """Return the text that `parse_instant_or_duration` reads."""
    return str(value) if isinstance(value, Duration) else format_instant(value)


InstantText = TypeAliasType(
    "InstantText",
    Annotated[
        datetime,
        PlainValidator(parse_instant),
        PlainSerializer(format_instant, return_type=str),
        WithJsonSchema(
            {
                "type": "string",
                "format": "date-time",
                "description": "An RFC 3339 instant; times compare at millisecond precision.",
                "examples": ["2026-01-31T09:00:00Z"],
            }
        ),
    ],
)
TimePoint = TypeAliasType(
    "TimePoint",
    Annotated[
        datetime | Duration,
        PlainValidator(parse_time_point),
        PlainSerializer(format_time_point, return_type=str),
        WithJsonSchema(
            {
                "type": "string",
                "description": "An RFC 3339 instant, or a duration back from the evaluation instant.",
                "examples": ["-60d", "2026-01-31T09:00:00Z"],
            }
        ),
    ],
)
InstantOrDuration = TypeAliasType(
    "InstantOrDuration",
    Annotated[
        datetime | Duration,
        PlainValidator(parse_instant_or_duration),
        PlainSerializer(format_instant_or_duration, return_type=str),
        WithJsonSchema(
            {
                "type": "string",
                "description": "An RFC 3339 instant for `before` and `after`, a duration for the others.",
                "examples": ["7d", "2026-01-31T09:00:00Z"],
            }
        ),
    ],
)
