"""Infers schemas from events: their properties, the types of these, and whether all events have them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from segops_common.event_schemas.conversion import CONVERSIONS, MISFIT
from segops_common.event_schemas.model import (
    MAX_PROPERTIES,
    MAX_PROPERTY_CHARS,
    MAX_PROPERTY_KEYS,
    PropertyRule,
    PropertyType,
)
from segops_language.values.instants import is_rfc3339
from segops_language.values.texts import path_keys

_ORDER: Final[tuple[PropertyType, ...]] = ("number", "boolean", "array", "datetime", "string")
"""Of types that fit equally well and are equally frequent, the first one is inferred."""
_Keys = tuple[str, ...]
_TYPES: Final[Mapping[type, PropertyType]] = {bool: "boolean", int: "number", float: "number", list: "array"}


@dataclass(frozen=True, slots=True)
class InferredProperty:
    """A property of the events. `present` of them have it, and it has the type in `fitting` of these."""

    rule: PropertyRule
    present: int
    fitting: int


@dataclass(frozen=True, slots=True)
class InferredSchema:
    """What the events of one type have in common. `omitted` properties are left out: the least frequent
    ones, and those that no name leads to."""

    event_type: str
    events: int
    properties: tuple[InferredProperty, ...]
    omitted: int


def infer(event_type: str, payloads: Sequence[dict[str, Any]]) -> InferredSchema:
    """Return the schema that these events suggest. There must be at least one.

    A property is required if every event has it. Its type is the one that most of its values have or can be converted to.
    Objects are described by the properties within them.
    """
    values: defaultdict[_Keys, list[Any]] = defaultdict(list)
    for payload in payloads:
        for keys, value in _values(payload, (), MAX_PROPERTY_KEYS):
            values[keys].append(value)
    described = {keys: of_keys for keys, of_keys in values.items() if any(type(value) is not dict for value in of_keys)}
    usable = {name: of_keys for keys, of_keys in described.items() if (name := _name(keys)) is not None}
    ordered = sorted(usable, key=lambda name: (-len(usable[name]), name))[:MAX_PROPERTIES]
    properties = tuple(_property(name, usable[name], len(payloads)) for name in ordered)
    return InferredSchema(event_type, len(payloads), properties, len(described) - len(properties))


def _values(value: Mapping[str, Any], above: _Keys, levels: int) -> Iterator[tuple[_Keys, Any]]:
    """Yield each value that is not null, with the keys that lead to it: an object before the values within it."""
    for key, inner in value.items():
        keys = (*above, key)
        if inner is not None:
            yield keys, inner
        if type(inner) is dict and levels > 1:
            yield from _values(inner, keys, levels - 1)


def _name(keys: _Keys) -> str | None:
    """Return the name of a property, None if no name leads to it: a path cannot say every key, such as one that ends in `\\`."""
    name = ".".join(key.replace(".", "\\.") for key in keys)
    return name if all(keys) and len(name) <= MAX_PROPERTY_CHARS and path_keys(name) == keys else None


def _property(name: str, values: Sequence[Any], events: int) -> InferredProperty:
    own = Counter(_type_of(value) for value in values if type(value) is not dict)
    fitting = {candidate: _fitting(candidate, values) for candidate in own}
    best = min(own, key=lambda candidate: (-fitting[candidate], -own[candidate], _ORDER.index(candidate)))
    return InferredProperty(PropertyRule(name, best, len(values) == events), len(values), fitting[best])


def _type_of(value: Any) -> PropertyType:
    if type(value) is str:
        return "datetime" if is_rfc3339(value) and _fitting("datetime", [value]) else "string"
    return _TYPES[type(value)]


def _fitting(candidate: PropertyType, values: Sequence[Any]) -> int:
    convert = CONVERSIONS[candidate]
    return sum(convert(value) is not MISFIT for value in values)
