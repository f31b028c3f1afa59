"""Evaluates a filter on the properties of an event or on traits."""

from __future__ import annotations

from pydantic import JsonValue

from segops_language.filters import AnyFilter
from segops_language.operators import OPERATORS
from segops_language.values import path_keys
from segops_language.values.json import look_up


def passes(check: AnyFilter, properties: dict[str, JsonValue], as_of_ms: int) -> bool:
    """Return whether the property of the filter satisfies it; windows end at `as_of_ms`."""
    value = look_up(properties, path_keys(check.property))
    return OPERATORS[check.operator].meaning(value, getattr(check, "value", None), as_of_ms)
