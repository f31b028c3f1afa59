"""Instants: RFC 3339 texts, and whole milliseconds since 1970, the precision at which times compare."""

from __future__ import annotations

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
_INSTANT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))", re.ASCII
)


def to_ms(instant: datetime) -> int:
    """Return an aware instant in milliseconds, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the instant in UTC; raises OverflowError outside of the years 1 to 9999."""
    return _EPOCH + milliseconds * _MILLISECOND


def parse_instant(value: object) -> datetime:
    """Parse an RFC 3339 instant; return it in UTC, rounded down to milliseconds."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _to_milliseconds(value.astimezone(UTC))
    match = _INSTANT.fullmatch(require_text(value))
    if match is None:
        raise _not_an_instant()
    date, minutes, seconds, fraction, zulu, sign, hours, rest = match.groups()
    # POSIX time has no leap seconds: one is read as the start of the next minute.
    leap = seconds == "60"
    try:
        local = datetime.fromisoformat(f"{date}T{minutes}:{'59' if leap else seconds}").replace(tzinfo=UTC)
        offset = timedelta() if zulu else _offset(sign, int(hours), int(rest))
        milliseconds = int(f"{fraction or ''}000"[:3])
        return local - offset + (timedelta(seconds=1) if leap else timedelta(milliseconds=milliseconds))
    except (ValueError, OverflowError):
        raise _not_an_instant() from None


def _offset(sign: str, hours: int, minutes: int) -> timedelta:
    if hours > 23 or minutes > 59:
        raise ValueError("invalid offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if sign == "-" else offset


def _not_an_instant() -> PydanticCustomError:
    return PydanticCustomError("invalid-instant", "must be an RFC 3339 instant with an offset or Z")


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
