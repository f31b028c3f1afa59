"""Scalars: numbers, booleans, strings, and pairs of numbers."""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.values.texts import parse_text

MAX_INTEGER: Final = 2**63 - 1


def exceeds_integers(value: object) -> bool:
    """Return whether a number is a large integer: JSON parsers give doubles for integers beyond 64 bits."""
    return isinstance(value, float) and abs(value) > MAX_INTEGER


def parse_number(value: object) -> int | float:
    """Return a finite JSON number; raises for a boolean. An integer beyond 64 bits becomes a double, as in events."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("wrong-type", "must be a number")
    if isinstance(value, int) and -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return value
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise PydanticCustomError("out-of-range", "must be a finite double")
    return double


def parse_bounds(value: object) -> tuple[int | float, ...]:
    """Return [low, high] as a tuple; raises when `low` exceeds `high`."""
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("wrong-type", "must be a list of two numbers")
    if len(value) != 2:
        raise PydanticCustomError("wrong-length", "must be a list of two numbers")
    bounds = tuple(parse_number(bound) for bound in value)
    if bounds[0] > bounds[1]:
        raise PydanticCustomError("bounds-order", "the lower bound must not exceed the upper bound")
    return bounds


def parse_threshold(value: object) -> int | float | tuple[int | float, ...]:
    """Return a number, or [low, high] as a tuple."""
    return parse_bounds(value) if isinstance(value, list | tuple) else parse_number(value)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def parse_scalar(value: object) -> bool | int | float | str:
    """Return a JSON string, number or boolean."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return parse_text(value)
    if isinstance(value, int | float):
        return parse_number(value)
    raise PydanticCustomError("wrong-type", "must be a string, a number or a boolean")


_SCALAR_SCHEMA = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
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
