"""Converts a value to the type of a property, as far as nothing is lost or guessed.

Text that is a JSON number becomes a number. `true` and `false` in any case, and 1 and 0, become booleans. All other values
must have the type already.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from segops_common.event_schemas.model import PropertyType
from segops_language.values.json import instant

MISFIT: Final = object()
"""What a conversion returns for a value that does not have the type."""

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_CHARS: Final = 400
"""Longer than any double as text. The pattern is not tried on more."""
_MAX_INTEGER_CHARS: Final = 18
"""Every integer of so many characters has 64 bits."""
_BOOLEANS: Final[Mapping[Any, bool]] = MappingProxyType(
    {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}
)
_BOOLEAN_CHARS: Final = len("false")


def _to_string(value: Any) -> Any:
    return value if type(value) is str else MISFIT


def _to_number(value: Any) -> Any:
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not str or len(value) > _MAX_NUMBER_CHARS or not _JSON_NUMBER.fullmatch(value):
        return MISFIT
    if len(value) <= _MAX_INTEGER_CHARS and value.lstrip("-").isdigit():
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else MISFIT


def _to_boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    if type(value) is str and len(value) <= _BOOLEAN_CHARS:
        return _BOOLEANS.get(value.lower(), MISFIT)
    return _BOOLEANS.get(value, MISFIT) if type(value) is int or type(value) is float else MISFIT


def _to_datetime(value: Any) -> Any:
    """Return the value if conditions of segments read it as an instant."""
    is_scalar = type(value) is str or type(value) is int or type(value) is float
    return value if is_scalar and instant(value) is not None else MISFIT


def _to_array(value: Any) -> Any:
    return value if type(value) is list else MISFIT


CONVERSIONS: Final[Mapping[PropertyType, Callable[[Any], Any]]] = MappingProxyType(
    {
        "string": _to_string,
        "number": _to_number,
        "boolean": _to_boolean,
        "datetime": _to_datetime,
        "array": _to_array,
    }
)
EXPECTATIONS: Final[Mapping[PropertyType, str]] = MappingProxyType(
    {
        "string": "text",
        "number": "a number, or text that is a JSON number",
        "boolean": "a boolean, `true` or `false` as text, 1 or 0",
        "datetime": "a date or a time, such as `2026-05-20T12:00:00Z`, or seconds or milliseconds since 1970",
        "array": "an array",
    }
)
"""What a value of each type must be, in the words of refusals."""


def kind_of(value: Any) -> str:
    """Return the JSON type of a value, in the words of refusals."""
    match value:
        case str():
            return "text"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case _:
            return "an object"
