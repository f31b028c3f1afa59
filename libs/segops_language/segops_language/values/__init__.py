"""The values of the language: scalars, durations, instants, names, paths and patterns.

Each is checked by one function that raises a `PydanticCustomError` with a stable code and never repeats the input.
"""

from segops_language.values.durations import Duration, DurationText, Period, parse_duration
from segops_language.values.instants import (
    InstantOrDuration,
    InstantText,
    TimePoint,
    format_instant,
    format_instant_or_duration,
    parse_instant,
)
from segops_language.values.scalars import MAX_INTEGER, Bounds, Number, Scalar, Threshold
from segops_language.values.texts import (
    EventPattern,
    EventTypeText,
    PathText,
    PatternText,
    Text,
    parse_text,
    path_keys,
)

__all__ = [
    "MAX_INTEGER",
    "Bounds",
    "Duration",
    "DurationText",
    "EventPattern",
    "EventTypeText",
    "InstantOrDuration",
    "InstantText",
    "Number",
    "PathText",
    "PatternText",
    "Period",
    "Scalar",
    "Text",
    "Threshold",
    "TimePoint",
    "format_instant",
    "format_instant_or_duration",
    "parse_duration",
    "parse_instant",
    "parse_text",
    "path_keys",
]
