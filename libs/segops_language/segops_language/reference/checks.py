"""What a filter says of a property, in plain Python: a part of the oracle in `evaluate`.

Patterns are matched by RE2, as in the warehouse: in time that grows with the text and no faster.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import re2
from pydantic import JsonValue

from segops_language.filters import AnyFilter
from segops_language.instants import to_ms
from segops_language.json_values import equal, instant, look_up, number
from segops_language.values import Duration, parse_instant, path_keys

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_POSITIVE: Final[Mapping[str, str]] = {
    "neq": "eq",
    "not_in": "in",
    "not_contains": "contains",
    "not_matches": "matches",
    "not_exists": "exists",
    "not_within_last": "within_last",
}


def reaches(measured: float, name: str, wanted: float | tuple[float, ...]) -> bool:
    """Whether a count or an aggregate satisfies an operator."""
    if isinstance(wanted, tuple):
        return wanted[0] <= measured <= wanted[1]
    return _COMPARE[name](measured, wanted)


def passes(check: AnyFilter, properties: dict[str, JsonValue], as_of_ms: int) -> bool:
    """Whether the property of the filter satisfies it; windows end at `as_of_ms`."""
    value = look_up(properties, path_keys(check.property))
    positive = _POSITIVE.get(check.operator)
    if positive is not None:
        return not _satisfies(positive, value, getattr(check, "value", None), as_of_ms)
    return _satisfies(check.operator, value, getattr(check, "value", None), as_of_ms)


def _satisfies(name: str, value: JsonValue, wanted: object, as_of_ms: int) -> bool:
    match name:
        case "exists":
            return value is not None
        case "eq":
            return equal(value, wanted)
        case "in" | "contains":
            return _is_among(value, wanted) if name == "in" else _contains(value, wanted)
        case "gt" | "gte" | "lt" | "lte" | "between":
            return _compares(name, value, wanted)
        case "before" | "after" | "within_last":
            return _is_timely(name, value, wanted, as_of_ms)
        case _:
            return isinstance(value, str) and isinstance(wanted, str) and _text_test(name, value, wanted)


def _is_timely(name: str, value: JsonValue, wanted: object, as_of_ms: int) -> bool:
    at = instant(value)
    if at is None:
        return False
    if isinstance(wanted, Duration):
        return as_of_ms - wanted.milliseconds < at <= as_of_ms
    limit = to_ms(parse_instant(wanted))
    return at < limit if name == "before" else at > limit


def _is_among(value: JsonValue, wanted: object) -> bool:
    return isinstance(wanted, tuple) and any(equal(value, each) for each in wanted)


def _contains(value: JsonValue, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list) and any(equal(element, wanted) for element in value)


def _compares(name: str, value: JsonValue, wanted: object) -> bool:
    found = number(value)
    if found is None:
        return False
    if isinstance(wanted, tuple):
        return float(wanted[0]) <= found <= float(wanted[1])
    return isinstance(wanted, int | float) and _COMPARE[name](found, float(wanted))


def _text_test(name: str, value: str, wanted: str) -> bool:
    match name:
        case "starts_with":
            return value.startswith(wanted)
        case "ends_with":
            return value.endswith(wanted)
        case "matches":
            return _compiled(wanted).search(value) is not None
        case _:
            raise ValueError(name)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
