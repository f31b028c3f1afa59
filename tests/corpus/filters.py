"""Which operators a value can satisfy, and which paths a payload has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segops_language.values.json import instant

BY_FAMILY: dict[str, tuple[str, ...]] = {
    "equality": ("eq", "neq"),
    "membership": ("in", "not_in"),
    "comparison": ("gt", "gte", "lt", "lte"),
    "between": ("between",),
    "containment": ("contains", "not_contains"),
    "affix": ("starts_with", "ends_with"),
    "pattern": ("matches", "not_matches"),
    "presence": ("exists", "not_exists"),
    "instant": ("before", "after"),
    "recency": ("within_last", "not_within_last"),
}


def families(value: Any) -> tuple[str, ...]:
    """Return families of operators: those that can tell such a value apart are repeated, so that they are drawn more often."""
    if isinstance(value, bool):
        return ("equality", "membership", "containment", *BY_FAMILY)
    if isinstance(value, int | float):
        return (*("comparison", "between", "instant", "recency") * 4, "equality", "membership", *BY_FAMILY)
    if isinstance(value, str) and instant(value) is not None:
        return (*("instant", "recency") * 5, *BY_FAMILY)
    if isinstance(value, str):
        return (
            *("affix", "pattern", "containment", "comparison", "between") * 2,
            "equality",
            "membership",
            *BY_FAMILY,
        )
    return (*("containment", "presence") * 5, *BY_FAMILY)


def walk(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every path in a payload with its value; keys that no path can spell are left out."""
    inside: Sequence[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inside = [(key, child) for key, child in value.items() if not key.endswith("\\")]
    elif isinstance(value, list):
        inside = [(str(index), child) for index, child in enumerate(value)]
    for key, child in inside:
        yield (*path, key), child
        yield from walk(child, (*path, key))
