"""What a definition asks for and nobody has ever seen: a hint at a slip of the pen, never a fault.

Said only where it is sure: a property inside of an array, or of events of which only a prefix is named, is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from segops_common.contracts.http import ObservedEvents, PropertyKind
from segops_common.core.problems import Fault
from segops_language import (
    AnyCondition,
    AnyFilter,
    EventAggregate,
    EventCount,
    EventMatch,
    EventPattern,
    EventSequence,
    Group,
    Sample,
    SegmentMembership,
    TraitCondition,
    path_keys,
    walk,
)
from segops_language.events import IDENTIFY_EVENT

_ALIKE: Final = 0.7
_NEEDS: Final[Mapping[str, frozenset[PropertyKind]]] = {
    **dict.fromkeys(("gt", "gte", "lt", "lte", "between"), frozenset[PropertyKind](("number", "string"))),
    **dict.fromkeys(
        ("before", "after", "within_last", "not_within_last"), frozenset[PropertyKind](("number", "string"))
    ),
    **dict.fromkeys(("starts_with", "ends_with", "matches", "not_matches"), frozenset[PropertyKind](("string",))),
}
_MEASURED: Final[frozenset[PropertyKind]] = frozenset(("number", "string"))
_COUNTED: Final[frozenset[PropertyKind]] = frozenset(("number", "string", "boolean"))


@dataclass(frozen=True, slots=True)
class _Use:
    """A property that a condition looks at, the kinds of values that can satisfy it, and where that is written."""

    path: str
    event_type: str
    property: str
    kinds: frozenset[PropertyKind] | None
    operator: str


def event_types_of(definition: Group) -> tuple[str, ...]:
    """The exact event types whose properties the definition looks at."""
    names = [use.event_type for use in _uses(definition)]
    return tuple(dict.fromkeys(name for name in (_exact(each) for each in names) if name is not None))


def observed_warnings(definition: Group, observed: ObservedEvents) -> tuple[Fault, ...]:
    """What the definition names and the tenant's events do not have, in the order in which it is written.

    Codes: unknown-event-type, unknown-property, type-mismatch.
    """
    unseen = [fault for path, name in _event_types(definition) if (fault := _unseen(path, name, observed))]
    odd = [fault for use in _uses(definition) if (fault := _odd(use, observed))]
    return tuple(unseen + odd)


def _unseen(path: str, event_type: str, observed: ObservedEvents) -> Fault | None:
    pattern = EventPattern.parse(event_type)
    if not observed.complete or any(pattern.matches(name) for name in observed.event_types):
        return None
    near = _near(pattern.text, observed.event_types)
    return Fault(path, "unknown-event-type", f"No event of this type has been seen.{near}")


def _odd(use: _Use, observed: ObservedEvents) -> Fault | None:
    properties = observed.properties.get(_exact(use.event_type) or "")
    if not properties:
        return None
    kinds = _kinds(use.property, properties)
    if kinds is None:
        near = _near(use.property, properties)
        return Fault(use.path, "unknown-property", f"No such property has been seen in recent events.{near}")
    if use.kinds is None or kinds & use.kinds:
        return None
    seen = ", ".join(sorted(kinds))
    return Fault(use.path, "type-mismatch", f"Seen values are of type {seen}, which `{use.operator}` never matches.")


def _kinds(written: str, properties: Mapping[str, Collection[PropertyKind]]) -> frozenset[PropertyKind] | None:
    """The kinds of values seen at a path; None when there were none. What is inside of an array may be anything."""
    keys, found = path_keys(written), set[PropertyKind]()
    for path, kinds in properties.items():
        seen = path_keys(path)
        if seen == keys:
            found.update(kinds)
        elif seen[: len(keys)] == keys:
            found.add("object")
        elif "array" in kinds and keys[: len(seen)] == seen:
            found.update(_COUNTED, ("array", "object"))
    return frozenset(found) or None


def _near(written: str, known: Collection[str]) -> str:
    alike = get_close_matches(written, known, n=1, cutoff=_ALIKE)
    return f" Did you mean `{alike[0]}`?" if alike else ""


def _exact(event_type: str) -> str | None:
    pattern = EventPattern.parse(event_type)
    return pattern.text if pattern.exact else None


def _conditions(definition: Group) -> Iterator[tuple[str, AnyCondition]]:
    for path, node in walk(definition):
        if not isinstance(node, Group):
            yield path, node


def _event_types(definition: Group) -> Iterator[tuple[str, str]]:
    for path, node in _conditions(definition):
        if isinstance(node, EventSequence):
            yield from ((f"{path}.steps[{i}].event_type", step.event_type) for i, step in enumerate(node.steps))
        elif not isinstance(node, TraitCondition | Sample | SegmentMembership):
            yield f"{path}.event_type", node.event_type


def _uses(definition: Group) -> Iterator[_Use]:
    for path, node in _conditions(definition):
        if isinstance(node, TraitCondition):
            yield _use(path, IDENTIFY_EVENT, node)
        elif isinstance(node, EventSequence):
            for i, step in enumerate(node.steps):
                yield from _filters(f"{path}.steps[{i}].where", step.event_type, step.where)
        elif not isinstance(node, Sample | SegmentMembership):
            yield from _filters(f"{path}.where", node.event_type, node.where)
            yield from _measured(path, node)


def _measured(path: str, node: AnyCondition) -> Iterator[_Use]:
    match node:
        case EventCount(per=str(counted)):
            yield _Use(f"{path}.per", node.event_type, counted, _COUNTED, "per")
        case EventAggregate():
            kinds = _COUNTED if node.function == "distinct" else _MEASURED
            yield _Use(f"{path}.property", node.event_type, node.property, kinds, node.function)
        case EventMatch():
            yield from _filters(f"{path}.has", node.event_type, node.has)
        case _:
            pass


def _filters(path: str, event_type: str, filters: Collection[AnyFilter]) -> Iterator[_Use]:
    for i, each in enumerate(filters):
        yield _use(f"{path}[{i}]", event_type, each)


def _use(path: str, event_type: str, check: AnyFilter) -> _Use:
    return _Use(f"{path}.property", event_type, check.property, _wanted(check), check.operator)


def _wanted(check: AnyFilter) -> frozenset[PropertyKind] | None:
    """The kinds of values that can satisfy a filter, or fail its complement; None for any."""
    if check.operator in ("exists", "not_exists"):
        return None
    value: object = getattr(check, "value", None)
    if check.operator in ("eq", "neq"):
        return frozenset((_kind_of(value),))
    if check.operator in ("in", "not_in") and isinstance(value, tuple):
        return frozenset(_kind_of(each) for each in value)
    if check.operator in ("contains", "not_contains"):
        return frozenset(("string", "array")) if isinstance(value, str) else frozenset(("array",))
    return _NEEDS[check.operator]


def _kind_of(value: object) -> PropertyKind:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
