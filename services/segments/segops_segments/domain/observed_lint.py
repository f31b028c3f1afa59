"""Warns about event types and properties that a definition names and the tenant's events do not have.

A warning is a hint at a spelling mistake and given only when it is certain. Properties inside of arrays are ignored, and so
are properties of events that are named by a prefix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from segops_common.contracts.http import ObservedEvents, PropertyKind
from segops_common.core.problems import Fault
from segops_language import EventPattern, Group, path_keys
from segops_language.lint.values import similar_text
from segops_language.operators import OPERATORS, SCALAR, types_for
from segops_language.registry import kind_of
from segops_language.walk import conditions_in, filters_of, selectors_of


@dataclass(frozen=True, slots=True)
class _Use:
    """A property that a condition looks at, and the JSON types of values that count for it."""

    path: str
    event_type: str
    property: str
    types: frozenset[PropertyKind]
    purpose: str


def event_types_of(definition: Group) -> tuple[str, ...]:
    """Return the exact event types whose properties the definition looks at."""
    names = [use.event_type for use in _uses(definition)]
    return tuple(dict.fromkeys(name for name in map(_exact, names) if name is not None))


def observed_warnings(definition: Group, observed: ObservedEvents) -> tuple[Fault, ...]:
    """Return warnings: those about event types first, each group in the order of the definition.

    Codes: unknown-event-type, unknown-property, type-mismatch.
    """
    unknown = [fault for path, name in _event_types(definition) if (fault := _unknown_type(path, name, observed))]
    unusual = [fault for use in _uses(definition) if (fault := _unusual_property(use, observed))]
    # A documented condition may have become several, which look at the same event type.
    return tuple(dict.fromkeys(unknown + unusual))


def _unknown_type(path: str, event_type: str, observed: ObservedEvents) -> Fault | None:
    pattern = EventPattern.parse(event_type)
    if not observed.complete or any(pattern.matches(name) for name in observed.event_types):
        return None
    near = _near(pattern.text, observed.event_types)
    return Fault(path, "unknown-event-type", f"No event of the type `{event_type}` has been received.{near}")


def _unusual_property(use: _Use, observed: ObservedEvents) -> Fault | None:
    properties = observed.properties.get(_exact(use.event_type) or "")
    if not properties:
        return None
    kinds = _kinds(use.property, properties)
    if kinds is None:
        near = _near(use.property, properties)
        return Fault(use.path, "unknown-property", f"Recent events have no property `{use.property}`.{near}")
    if kinds & use.types:
        return None
    observed_types = ", ".join(sorted(kinds))
    return Fault(
        use.path,
        "type-mismatch",
        f"Recent values have the type {observed_types}: `{use.purpose}` {_outcome(use)} for them.",
    )


def _outcome(use: _Use) -> str:
    operator = OPERATORS.get(use.purpose)
    return "always holds" if operator is not None and operator.complement_of else "never holds"


def _kinds(written: str, properties: Mapping[str, Collection[PropertyKind]]) -> frozenset[PropertyKind] | None:
    """Return the JSON types observed at a path, None without any; inside of an array there may be any type."""
    keys, types = path_keys(written), set[PropertyKind]()
    for path, kinds in properties.items():
        observed_keys = path_keys(path)
        if observed_keys == keys:
            types.update(kinds)
        elif observed_keys[: len(keys)] == keys:
            types.add("object")
        elif "array" in kinds and keys[: len(observed_keys)] == observed_keys:
            types.update(SCALAR, ("array", "object"))
    return frozenset(types) or None


def _near(written: str, names: Collection[str]) -> str:
    """Return a question with the most similar name. Names are in backticks, so that spaces at their ends show."""
    similar = similar_text(written, tuple(names))
    return f" Did you mean `{similar}`?" if similar else ""


def _exact(event_type: str) -> str | None:
    pattern = EventPattern.parse(event_type)
    return pattern.text if pattern.exact else None


def _event_types(definition: Group) -> Iterator[tuple[str, str]]:
    for path, condition in conditions_in(definition):
        for at, selector in selectors_of(condition, path):
            yield definition.sent_path(f"{at}.event_type"), selector.event_type


def _uses(definition: Group) -> Iterator[_Use]:
    for path, condition in conditions_in(definition):
        for part, test in filters_of(condition, path):
            types = types_for(test.operator, getattr(test, "value", None))
            at = definition.sent_path(f"{part.path}.property")
            yield _Use(at, part.event_type, test.property, types, test.operator)
        for read in kind_of(condition).reads(condition):
            at = definition.sent_path(f"{path}.{read.field}")
            yield _Use(at, read.event_type, read.property, read.types, read.purpose)
