"""What the properties of an event type look like in a sample of its events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from segops_common.contracts.http import PropertyKind

MAX_PROPERTIES: Final = 500
MAX_TOP_VALUES: Final = 10
MAX_VALUE_CHARS: Final = 100
_Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TopValue:
    """A value of a property, and how many events have it. Longer texts are cut."""

    value: _Scalar
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertySummary:
    """A property: its path as the language writes it, the types of its values, and the most frequent of these."""

    path: str
    types: tuple[PropertyKind, ...]
    count: int
    top_values: tuple[TopValue, ...]


@dataclass(slots=True)
class _Values:
    kinds: set[PropertyKind] = field(default_factory=set)
    events: int = 0
    values: Counter[tuple[str, _Scalar]] = field(default_factory=Counter)

    def add(self, kind: PropertyKind, value: JsonValue) -> None:
        self.kinds.add(kind)
        self.events += 1
        if isinstance(value, str | int | float):
            # `1`, `1.0` and `true` are equal in Python, and three values here.
            self.values[type(value).__name__, value[:MAX_VALUE_CHARS] if isinstance(value, str) else value] += 1


def properties_in(payloads: Iterable[Mapping[str, JsonValue]]) -> Sequence[PropertySummary]:
    """Return the properties of the payloads, the most frequent first, at most MAX_PROPERTIES."""
    by_path: defaultdict[str, _Values] = defaultdict(_Values)
    for payload in payloads:
        for path, kind, value in _leaves(payload, ()):
            by_path[path].add(kind, value)
    ordered = sorted(by_path.items(), key=lambda item: (-item[1].events, item[0]))
    return [_summary(path, values) for path, values in ordered[:MAX_PROPERTIES]]


def _summary(path: str, values: _Values) -> PropertySummary:
    most_frequent = sorted(values.values.items(), key=lambda item: (-item[1], item[0][0], str(item[0][1])))
    return PropertySummary(
        path=path,
        types=tuple(sorted(values.kinds)),
        count=values.events,
        top_values=tuple(TopValue(value, count) for (_, value), count in most_frequent[:MAX_TOP_VALUES]),
    )


def _leaves(value: Mapping[str, JsonValue], keys: tuple[str, ...]) -> Iterator[tuple[str, PropertyKind, JsonValue]]:
    """Yield path, kind and value of all that is not null; of an object with members, those instead."""
    for key, inner in value.items():
        path = (*keys, key.replace(".", "\\."))
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, path)
        elif inner is not None:
            yield ".".join(path), _kind(inner), inner


def _kind(value: JsonValue) -> PropertyKind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "number"
