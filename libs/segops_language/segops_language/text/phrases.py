"""The parts of sentences that conditions share: filters, windows, durations and names in English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from segops_language.canonical import to_json
from segops_language.filters import AnyFilter
from segops_language.model import LanguageModel
from segops_language.operators import OPERATORS
from segops_language.text.parts import quoted
from segops_language.windows import AnyWindow

_LISTED: Final = 5
"""A longer list of values is given by its length."""
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_DURATION: Final = re.compile(r"-?([0-9]+)([smhdw])")


def name_phrase(path: str) -> str:
    """Return a property as it is, in quotes unless it is a plain word."""
    return path if re.fullmatch(r"[\w.]+", path) else quoted(path)


def operator_phrase(test: LanguageModel) -> str:
    """Return the operator of a model and its value: `is at least 5`."""
    document: dict[str, Any] = to_json(test)
    operator = OPERATORS[document["operator"]]
    return operator.phrase.format(_value(operator.value, document.get("value")))


def _value(kind: str, value: Any) -> str:
    match kind:
        case "bounds":
            return f"{number_phrase(value[0])} to {number_phrase(value[1])}"
        case "list":
            return ", ".join(map(quoted, value)) if len(value) <= _LISTED else f"{len(value)} values"
        case "duration":
            return last_phrase(str(value))
        case _:
            return quoted(value)


def filters_phrase(filters: Iterable[AnyFilter]) -> str:
    """Return filters joined by "and"."""
    return " and ".join(f"{name_phrase(test.property)} {operator_phrase(test)}" for test in filters)


def where_phrase(filters: Sequence[AnyFilter]) -> str:
    """Return " where" and the filters; empty without filters."""
    return f" where {filters_phrase(filters)}" if filters else ""


def window_phrase(window: AnyWindow | None) -> str:
    """Return the window with a leading space; empty without a window."""
    document: dict[str, Any] = {} if window is None else to_json(window)
    if "last" in document:
        return f" in the last {last_phrase(document['last'])}"
    ends = [f"{word} {_point(document[end])}" for end, word in (("from", "after"), ("to", "up to")) if end in document]
    return f" {' and '.join(ends)}" if ends else ""


def _point(point: str) -> str:
    return f"{duration_phrase(point)} ago" if point.startswith("-") else point


def times_phrase(value: float) -> str:
    """Return "once", "twice" or "5 times"."""
    return "once" if value == 1 else "twice" if value == 2 else f"{number_phrase(value)} times"


def duration_phrase(text: str) -> str:
    """Return a duration in words: `30 days`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return text
    amount, unit = int(match[1]), _UNITS[match[2]]
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


def last_phrase(text: str) -> str:
    """Return a duration as it follows "the last": `week`, `30 days`."""
    return duration_phrase(text).removeprefix("1 ")


def number_phrase(value: float) -> str:
    """Return a number without an exponent."""
    return format(Decimal(str(value)), "f")
