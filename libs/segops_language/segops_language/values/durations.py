"""Durations: an integer and a unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.values.texts import require_text

MAX_DURATION_MS: Final = 36_525 * 86_400_000
"""A hundred years, so that the start of a window is in the warehouse's range of times, which begins in 1900."""
DurationUnit = Literal["s", "m", "h", "d", "w"]
UNIT_MS: Final[dict[str, int]] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION: Final = re.compile(r"([0-9]{1,12})([smhdw])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as it was written: `24h` and `1d` are not equal."""

    amount: int
    unit: DurationUnit

    @property
    def milliseconds(self) -> int:
        """The length; a day is 24 hours."""
        return self.amount * UNIT_MS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def parse_duration(value: object) -> Duration:
    """Parse `<integer><unit>`; return a Duration as it is."""
    if isinstance(value, Duration):
        return value
    match = DURATION.fullmatch(require_text(value))
    if match is None:
        raise PydanticCustomError("invalid-duration", "must be an integer and a unit s, m, h, d or w, such as `30d`")
    unit = next(unit for unit in get_args(DurationUnit) if unit == match[2])
    duration = Duration(int(match[1]), unit)
    if duration.milliseconds > MAX_DURATION_MS:
        raise PydanticCustomError("out-of-range", "must be at most 36525 days")
    return duration


def check_positive(duration: Duration) -> Duration:
    """Return the duration; raise for zero."""
    if duration.amount == 0:
        raise PydanticCustomError("out-of-range", "must be longer than zero")
    return duration


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
