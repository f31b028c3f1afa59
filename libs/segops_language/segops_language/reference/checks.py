"""The meaning of each filter operator in plain Python.

Patterns are matched by RE2, as in the warehouse: in time linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import re2
from pydantic import JsonValue

from segops_language.filters import AnyFilter
from segops_language.operators import OPERATORS, compare
from segops_language.values import Duration, path_keys
from segops_language.values.instants import to_ms
from segops_language.values.json import equal, instant, look_up, number

Meaning = Callable[[JsonValue, Any, int], bool]
"""Whether a property's value satisfies an operator with its operand, as of an instant in milliseconds."""


def passes(check: AnyFilter, properties: dict[str, JsonValue], as_of_ms: int) -> bool:
    """Return whether the property of the filter satisfies it; windows end at `as_of_ms`."""
    value = look_up(properties, path_keys(check.property))
    operand = getattr(check, "value", None)
    complement_of = OPERATORS[check.operator].complement_of
    if complement_of is not None:
        return not _MEANINGS[complement_of](value, operand, as_of_ms)
    return _MEANINGS[check.operator](value, operand, as_of_ms)


def _is_among(value: JsonValue, operand: tuple[object, ...], _: int) -> bool:
    return any(equal(value, item) for item in operand)


def _compares(name: str) -> Meaning:
    def meaning(value: JsonValue, operand: float | tuple[float, ...], _: int) -> bool:
        left = number(value)
        right = tuple(map(float, operand)) if isinstance(operand, tuple) else float(operand)
        return left is not None and compare(left, name, right)

    return meaning


def _contains(value: JsonValue, operand: object, _: int) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, list) and any(equal(element, operand) for element in value)


def _starts_with(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _ends_with(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and value.endswith(operand)


def _matches(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and _compiled(operand).search(value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _is_before(value: JsonValue, operand: Any, _: int) -> bool:
    at = instant(value)
    return at is not None and at < to_ms(operand)


def _is_after(value: JsonValue, operand: Any, _: int) -> bool:
    at = instant(value)
    return at is not None and at > to_ms(operand)


def _is_recent(value: JsonValue, operand: Duration, as_of_ms: int) -> bool:
    at = instant(value)
    return at is not None and as_of_ms - operand.milliseconds < at <= as_of_ms


_MEANINGS: Final[Mapping[str, Meaning]] = {
    "eq": lambda value, operand, _: equal(value, operand),
    "in": _is_among,
    **{name: _compares(name) for name in ("gt", "gte", "lt", "lte", "between")},
    "contains": _contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "matches": _matches,
    "exists": lambda value, _, __: value is not None,
    "before": _is_before,
    "after": _is_after,
    "within_last": _is_recent,
}
"""Every operator that is not a complement."""
