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
"""A hundred years: an instant that far back still has a place in the warehouse, whose times start in 1900."""
DurationUnit = Literal["s", "m", "h", "d", "w"]
UNIT_MS: Final[dict[str, int]] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION: Final = re.compile(r"([0-9]{1,12})([smhdw])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as it was written; two that last equally long differ when their units do."""

    amount: int
    unit: DurationUnit

    @property
    def milliseconds(self) -> int:
        """Its length; a day is 24 hours."""
        return self.amount * UNIT_MS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def parse_duration(value: object) -> Duration:
    """Read `<integer><unit>`, or pass a Duration through."""
    if isinstance(value, Duration):
        return value
    match = DURATION.fullmatch(require_text(value))
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
