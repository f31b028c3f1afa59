"""The meaning of property checks in Python, over payloads as they were sent.

Written from the predicates alone: tests compare it with the language's reference, which never sees a predicate.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, assert_never

import re2
from pydantic import JsonValue

from segops_language.values.instants import epoch_ms, read_instant
from segops_membership.domain.predicates import (
    Affix,
    Between,
    Compares,
    Contains,
    FlagValue,
    InstantIn,
    Matches,
    NumberValue,
    OneOf,
    Present,
    PropertyCheck,
    Test,
    TextValue,
    Value,
)

_NUMERAL: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_INDEX: Final = re.compile(r"\d+", re.ASCII)


def satisfies(payload: JsonValue, check: PropertyCheck) -> bool:
    """Return whether the payload passes the check."""
    return passes(value_at(payload, check.keys), check.test) is not check.negated


def value_at(payload: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    """Return what the keys lead to, None when they lead nowhere."""
    value = payload
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and _INDEX.fullmatch(key) is not None:
            index = int(key)
            value = value[index] if index < len(value) else None
        else:
            return None
    return value


def passes(value: JsonValue, test: Test) -> bool:
    """Return whether a property's value passes the test; None stands for an absent property."""
    match test:
        case Present():
            return value is not None
        case OneOf(values):
            return scalar_of(value) in values
        case Contains(part):
            return _contains(value, part)
        case Affix(end, text):
            return isinstance(value, str) and (value.startswith(text) if end == "starts_with" else value.endswith(text))
        case Matches(pattern):
            return isinstance(value, str) and _compiled(pattern).search(value) is not None
        case Compares() | Between():
            return _is_in_range(number_of(value), test)
        case InstantIn(after_ms, before_ms):
            at_ms = instant_of(value)
            return (
                at_ms is not None
                and (after_ms is None or at_ms > after_ms)
                and (before_ms is None or at_ms < before_ms)
            )
        case _:
            assert_never(test)


def scalar_of(value: JsonValue) -> Value | None:
    """Return a scalar so that equal ones compare equal; None for any other value."""
    match value:
        case bool():
            return FlagValue(value)
        case int() | float():
            return NumberValue(float(value))
        case str():
            return TextValue(value)
        case _:
            return None


def number_of(value: JsonValue) -> float | None:
    """Return a number, or a string that is a JSON number, as a double; None for any other value."""
    match scalar_of(value):
        case NumberValue(number):
            return number
        case TextValue(text) if _NUMERAL.fullmatch(text):
            return float(text)
        case _:
            return None


def instant_of(value: JsonValue) -> float | None:
    """Return an epoch number or a string that is an instant in milliseconds; None for any other value."""
    match scalar_of(value):
        case NumberValue(number):
            return epoch_ms(number)
        case TextValue(text):
            return read_instant(text)
        case _:
            return None


def _contains(value: JsonValue, part: Value) -> bool:
    if isinstance(value, list):
        return any(scalar_of(element) == part for element in value)
    return isinstance(value, str) and isinstance(part, TextValue) and part.text in value


def _is_in_range(number: float | None, test: Compares | Between) -> bool:
    if number is None:
        return False
    match test:
        case Between(low, high):
            return low <= number <= high
        case Compares("gt", bound):
            return number > bound
        case Compares("gte", bound):
            return number >= bound
        case Compares("lt", bound):
            return number < bound
        case Compares(_, bound):
            return number <= bound
        case _:
            assert_never(test)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
