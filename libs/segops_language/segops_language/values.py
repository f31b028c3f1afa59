"""The values of the segment language: scalars, numbers, durations, instants, names and paths.

Each is checked by one function that raises a `PydanticCustomError` with a stable code and never repeats the input.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.re2 import PatternError, check_pattern

MAX_INTEGER: Final = 2**63 - 1
MAX_NAME_CHARS: Final = 1024
MAX_PATTERN_CHARS: Final = 256
MAX_DURATION_MS: Final = 36_525 * 86_400_000
"""A hundred years: an instant that far back still has a place in the warehouse, whose times start in 1900."""

DurationUnit = Literal["s", "m", "h", "d", "w"]
UNIT_MS: Final[dict[str, int]] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_DURATION: Final = re.compile(r"([0-9]{1,12})([smhdw])", re.ASCII)
_INSTANT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as it was written; two that last equally long differ when their units do."""

    amount: int
    unit: DurationUnit

    @property
    def milliseconds(self) -> int:
        """Its length; a day is 24 hours."""
        return self.amount * UNIT_MS[self.unit]

    @property
    def delta(self) -> timedelta:
        """Its length as the standard library's value."""
        return timedelta(milliseconds=self.milliseconds)

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def parse_duration(value: object) -> Duration:
    """Read `<integer><unit>`, or pass a Duration through."""
    if isinstance(value, Duration):
        return value
    match = _DURATION.fullmatch(_text(value))
    if match is None:
        raise PydanticCustomError("invalid-duration", "A duration is an integer and a unit: s, m, h, d or w.")
    unit = next(known for known in get_args(DurationUnit) if known == match[2])
    duration = Duration(int(match[1]), unit)
    if duration.milliseconds > MAX_DURATION_MS:
        raise PydanticCustomError("out-of-range", "A duration is at most 36525 days.")
    return duration


def check_positive(duration: Duration) -> Duration:
    """Refuse the duration that is no time at all."""
    if duration.amount == 0:
        raise PydanticCustomError("out-of-range", "This duration is longer than zero.")
    return duration


def parse_instant(value: object) -> datetime:
    """Read an RFC 3339 instant into UTC, cut to the millisecond, at which times compare."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _to_milliseconds(value.astimezone(UTC))
    match = _INSTANT.fullmatch(_text(value))
    if match is None:
        raise _not_an_instant()
    date, minutes, seconds, fraction, zulu, sign, hours, rest = match.groups()
    # A leap second has no name of its own in POSIX time: it is the start of the next minute.
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
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if sign == "-" else offset


def _not_an_instant() -> PydanticCustomError:
    return PydanticCustomError("invalid-instant", "An instant is written as in RFC 3339, with an offset or Z.")


def _to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """The one spelling of an instant: UTC, milliseconds, Z."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + f"{instant.microsecond // 1000:03d}Z"


def parse_time_point(value: object) -> datetime | Duration:
    """Read an instant, or a duration back from `as_of` (`-60d`), which becomes that Duration."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, str) and value.startswith("-"):
        return parse_duration(value[1:])
    return parse_instant(value)


def format_time_point(point: datetime | Duration) -> str:
    """The inverse of `parse_time_point`."""
    return f"-{point}" if isinstance(point, Duration) else format_instant(point)


def parse_instant_or_duration(value: object) -> datetime | Duration:
    """Read an instant or a duration, told apart by their form."""
    if isinstance(value, Duration) or (isinstance(value, str) and _DURATION.fullmatch(value)):
        return parse_duration(value)
    return parse_instant(value)


def format_instant_or_duration(value: datetime | Duration) -> str:
    """The inverse of `parse_instant_or_duration`."""
    return str(value) if isinstance(value, Duration) else format_instant(value)


def parse_number(value: object) -> int | float:
    """Accept a finite JSON number; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("wrong-type", "The value is a number.")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("wrong-type", "The value is a finite number.")
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise PydanticCustomError("out-of-range", "An integer is at most 2^63 - 1.")
    return value


def parse_bounds(value: object) -> tuple[int | float, ...]:
    """Accept [low, high]: two numbers, the first not above the second."""
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("wrong-type", "The value is a list of two numbers.")
    if len(value) != 2:
        raise PydanticCustomError("wrong-length", "The value is a list of two numbers.")
    bounds = tuple(parse_number(bound) for bound in value)
    if bounds[0] > bounds[1]:
        raise PydanticCustomError("bounds-order", "The lower bound is not above the upper one.")
    return bounds


def parse_threshold(value: object) -> int | float | tuple[int | float, ...]:
    """Accept a number, or [low, high]."""
    return parse_bounds(value) if isinstance(value, list | tuple) else parse_number(value)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def parse_scalar(value: object) -> bool | int | float | str:
    """Accept a JSON string, number or boolean."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return parse_text(value)
    if isinstance(value, int | float):
        return parse_number(value)
    raise PydanticCustomError("wrong-type", "The value is a string, a number or a boolean.")


def parse_text(value: object) -> str:
    """Accept a string that every store can keep: valid Unicode without the NUL character."""
    text = _text(value)
    if "\0" in text:
        raise PydanticCustomError("nul-character", "The text holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid-text", "The text holds a lone surrogate.") from None
    return text


def parse_name(value: object) -> str:
    """Accept a non-empty text of at most 1024 characters."""
    text = parse_text(value)
    if not 1 <= len(text) <= MAX_NAME_CHARS:
        raise PydanticCustomError("wrong-length", "The name has 1 to 1024 characters.")
    return text


def parse_path(value: object) -> str:
    """Accept a property path; its keys, by `path_keys`, are not empty."""
    text = parse_name(value)
    if not all(path_keys(text)):
        raise PydanticCustomError("invalid-path", "A path has no empty key; a literal dot is written \\. in it.")
    return text


def parse_pattern(value: object) -> str:
    """Accept an RE2 pattern of at most 256 characters."""
    text = parse_text(value)
    if len(text) > MAX_PATTERN_CHARS:
        raise PydanticCustomError("wrong-length", "A pattern has at most 256 characters.")
    try:
        check_pattern(text)
    except PatternError as error:
        raise PydanticCustomError("invalid-regex", "Not an RE2 pattern: {reason}.", {"reason": error.reason}) from None
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong-type", "The value is a string.")
    return value


def path_keys(path: str) -> tuple[str, ...]:
    """The keys of a property path: split at dots, `\\.` being a dot within a key.

    A backslash before anything but a dot stands for itself.
    """
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Which event types a condition names: one, those that begin with a prefix, or (an empty prefix) all tracked ones.

    Types that begin with `$` match only when `exact`.
    """

    text: str
    exact: bool

    @classmethod
    def parse(cls, event_type: str) -> EventPattern:
        """Read the field `event_type`: a trailing `*` makes a prefix, `\\*` is a literal star."""
        exact = not event_type.endswith("*") or event_type.endswith("\\*")
        text = event_type if exact else event_type[:-1]
        return cls(text.replace("\\*", "*"), exact)

    def matches(self, event_type: str) -> bool:
        """Say whether an event of this type is meant."""
        if self.exact:
            return event_type == self.text
        return event_type.startswith(self.text) and not event_type.startswith("$")


_SCALAR_SCHEMA = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}

Text = Annotated[str, PlainValidator(parse_text), WithJsonSchema({"type": "string"})]
Scalar = TypeAliasType(
    "Scalar",
    Annotated[
        bool | int | float | str,
        PlainValidator(parse_scalar),
        WithJsonSchema({**_SCALAR_SCHEMA, "description": "A string, a number or a boolean.", "examples": ["starter"]}),
    ],
)
Number = Annotated[int | float, PlainValidator(parse_number), WithJsonSchema({"type": "number", "examples": [1]})]
_BOUNDS_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
Bounds = TypeAliasType(
    "Bounds",
    Annotated[
        tuple[int | float, ...],
        PlainValidator(parse_bounds),
        PlainSerializer(_plain, return_type=object),
        WithJsonSchema({**_BOUNDS_SCHEMA, "description": "[low, high], both included.", "examples": [[1, 5]]}),
    ],
)
Threshold = TypeAliasType(
    "Threshold",
    Annotated[
        int | float | tuple[int | float, ...],
        PlainValidator(parse_threshold),
        PlainSerializer(_plain, return_type=object),
        WithJsonSchema(
            {
                "oneOf": [{"type": "number"}, _BOUNDS_SCHEMA],
                "description": "A number; [low, high] for `between`.",
                "examples": [1],
            }
        ),
    ],
)
DurationText = TypeAliasType(
    "DurationText",
    Annotated[
        Duration,
        PlainValidator(parse_duration),
        PlainSerializer(str, return_type=str),
        WithJsonSchema(
            {
                "type": "string",
                "pattern": "^[0-9]{1,12}[smhdw]$",
                "description": "An integer and a unit: s, m, h, d (24 hours) or w. At most 36525 days.",
                "examples": ["30d"],
            }
        ),
    ],
)
Period = Annotated[DurationText, AfterValidator(check_positive)]
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
EventTypeText = Annotated[
    str,
    PlainValidator(parse_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}),
    Field(
        description="An event type; a trailing * makes it a prefix, * alone is every tracked event, \\* is a star.",
        examples=["page_viewed"],
    ),
]
PathText = Annotated[
    str,
    PlainValidator(parse_path),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}),
    Field(description="Dot-separated keys; \\. is a literal dot.", examples=["address.city"]),
]
PatternText = Annotated[
    str,
    PlainValidator(parse_pattern),
    WithJsonSchema({"type": "string", "maxLength": MAX_PATTERN_CHARS}),
    Field(description="An RE2 pattern, matched anywhere in the string.", examples=["^/docs/"]),
]
