"""Writes the parts of the text form that conditions share: filters, operators and windows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from segops_language.canonical import to_json
from segops_language.filters import AnyFilter
from segops_language.model import LanguageModel
from segops_language.operators import OPERATORS
from segops_language.windows import AnyWindow


def quoted(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def operator_text(test: LanguageModel) -> str:
    """Return the operator of a model and its value: durations as they are, everything else as JSON."""
    document: dict[str, Any] = to_json(test)
    name, value = document["operator"], document.get("value")
    if value is None:
        return str(name)
    return f"{name} {value if OPERATORS[name].value == 'duration' else quoted(value)}"


def filter_text(test: AnyFilter) -> str:
    """Return a property and its operator."""
    return f"{quoted(test.property)} {operator_text(test)}"


def filters_text(filters: Iterable[AnyFilter]) -> str:
    """Return filters joined by `and`."""
    return " and ".join(map(filter_text, filters))


def where_text(filters: Iterable[AnyFilter]) -> str:
    """Return ` where` and the filters; empty without filters."""
    text = filters_text(filters)
    return f" where {text}" if text else ""


def window_text(window: AnyWindow | None) -> str:
    """Return the window with a leading space; empty without a window."""
    document: dict[str, Any] = {} if window is None else to_json(window)
    if "last" in document:
        return f" last {document['last']}"
    return "".join(f" {end} {_point(document[end])}" for end in ("from", "to") if end in document)


def _point(point: str) -> str:
    return point if point.startswith("-") else quoted(point)
