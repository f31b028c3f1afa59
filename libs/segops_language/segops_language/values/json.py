"""Reads JSON values: looks up paths, compares, and converts to numbers and instants."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from segops_language.values.instants import epoch_ms, read_instant

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_MAX_TEXT: Final = 200
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


def look_up(value: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    """Return what the keys lead to; None when nothing is there."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and _DIGITS.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def equal(value: object, other: object) -> bool:
    """Return whether values are equal in JSON type and value, as under `eq`."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, int | float) and isinstance(other, int | float):
        return float(value) == float(other)
    return isinstance(value, str) and value == other


def same(one: JsonValue, other: JsonValue) -> bool:
    """Return whether values are deeply equal in JSON type and value; a null in an object counts as absent."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = _without_nulls(one), _without_nulls(other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return float(one) == float(other)
    return one == other


def _without_nulls(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: item for key, item in value.items() if item is not None}


def count_each(values: Iterable[JsonValue]) -> Counter[tuple[str, object]]:
    """Return how often each scalar occurs; scalars that are equal under `eq` count together, other values not at all."""
    counts: Counter[tuple[str, object]] = Counter()
    for value in values:
        if isinstance(value, bool):
            counts["flag", value] += 1
        elif isinstance(value, int | float):
            counts["number", float(value)] += 1
        elif isinstance(value, str):
            counts["text", value] += 1
    return counts


def number(value: JsonValue) -> float | None:
    """Return a number, or a string that is a JSON number, as a double; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _JSON_NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) else None


def instant(value: JsonValue) -> float | None:
    """Return a text or epoch number that is an instant in milliseconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return read_instant(value) if isinstance(value, str) else epoch_ms(float(value))


def shortened(value: JsonValue) -> str:
    """Return a value as JSON, cut to 200 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
