"""What several types of condition share: windows, comparisons with a threshold, and the first or last event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import get_args

from pydantic import JsonValue

from segops_language.conditions.base import Evidence, Occurrence
from segops_language.events import Event, in_order
from segops_language.operators import COUNT_OPERATORS, CountOperator
from segops_language.text.tokens import TokenReader
from segops_language.values import Duration, path_keys
from segops_language.values.json import look_up
from segops_language.windows import AnyWindow, LastWindow

Threshold = float | tuple[float, ...]


def values_at(events: Iterable[Event], path: str) -> list[JsonValue]:
    """Return what a path leads to in each event; None where nothing is there."""
    keys = path_keys(path)
    return [look_up(event.payload, keys) for event in events]


def window_ages(window: AnyWindow | None) -> Sequence[int]:
    """Return the ages in milliseconds at which an event enters or leaves the window."""
    if window is None:
        return ()
    points = (window.last,) if isinstance(window, LastWindow) else (window.from_, window.to)
    return tuple(point.milliseconds for point in points if isinstance(point, Duration))


def compared_evidence(
    number: float | None, operator: CountOperator, value: Threshold, subject: str, events: Sequence[Event]
) -> Evidence:
    """Return the evidence of a number that was compared with `value`; None is the absent aggregate."""
    target: JsonValue = list(value) if isinstance(value, tuple) else value
    amount = f"{target[0]} and {target[1]}" if isinstance(target, list) else target
    bound = COUNT_OPERATORS[operator].bound.format(amount)
    text = "no value" if number is None else f"{number:.15g}"
    # JSON has no infinities.
    shown: JsonValue = number if number is None or math.isfinite(number) else text
    compared = f"{text} of {target}" if operator == "gte" else f"{text} (target: {bound})"
    return Evidence(value=shown, target=target, text=compared, requirement=f"{bound} {subject}", events=events)


def constant_of_whole_number(operator: CountOperator, value: Threshold, least: int) -> bool | None:
    """Return whether every whole number from `least` on satisfies the operator, or none; None when that depends."""
    low, high = _range(operator, value, least)
    if operator == "neq":
        return True if low > high else None
    if low > high:
        return False
    return True if (low, high) == (0, math.inf) else None


def _range(operator: CountOperator, value: Threshold, least: int) -> tuple[float, float]:
    """Return the whole numbers from `least` on that satisfy (for `neq`, that fail) the operator, both ends included."""
    low, high = (value[0], value[-1]) if isinstance(value, tuple) else (value, value)
    match operator:
        case "gt":
            return max(math.floor(low) + 1, least), math.inf
        case "gte":
            return max(math.ceil(low), least), math.inf
        case "lt":
            return least, math.ceil(high) - 1
        case "lte":
            return least, math.floor(high)
        case _:
            return max(math.ceil(low), least), math.floor(high)


def chosen_event(events: Iterable[Event], occurrence: Occurrence) -> Event | None:
    """Return the first or the last event; None without events."""
    ordered = sorted(events, key=in_order)
    if not ordered:
        return None
    return ordered[0] if occurrence == "first" else ordered[-1]


def starts_occurrence(reader: TokenReader) -> bool:
    """Return whether `first` or `last` follows."""
    return reader.peek() in get_args(Occurrence)
