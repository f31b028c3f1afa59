"""Finds the value of an event that has no JSON form, and names its key. Never quotes a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

_MAX_DEPTH = 64


def find_fault(event: dict[str, Any], as_text: Callable[[object], str]) -> str | None:
    """Return the path of the first fault and what is wrong there, as in `payload.seats: set has no JSON form`."""
    return next(_faults(event, "", (), as_text), None)


def _faults(value: Any, path: str, around: tuple[int, ...], as_text: Callable[[object], str]) -> Iterator[str]:
    if id(value) in around:
        yield f"{path}: must not contain itself"
    elif len(around) > _MAX_DEPTH:
        yield f"{path}: must not be nested so deeply"
    elif isinstance(value, (dict, list, tuple)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(key, (str, int, float, type(None))):
                yield f"{path}: keys must be text, not {type(key).__name__}"
            yield from _faults(inner, f"{path}.{key}" if path else str(key), (*around, id(value)), as_text)
    else:
        yield from (f"{path}: {fault}" for fault in _faults_of_scalar(value, as_text))


def _faults_of_scalar(value: object, as_text: Callable[[object], str]) -> Iterator[str]:
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            yield "must not contain surrogates"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield "must be a finite number"
    elif value is not None and not isinstance(value, int):
        try:
            as_text(value)
        except (TypeError, ValueError, OverflowError):
            yield f"{type(value).__name__} has no JSON form"
