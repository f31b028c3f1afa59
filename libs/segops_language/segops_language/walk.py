"""Finds the parts of a definition by the structure of its models: nodes, event types, filters, referenced segments.

It needs no change for a new type of condition, whose models derive from `EventSelector` and `PropertyTest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segops_language.conditions.base import Condition, EventSelector
from segops_language.conditions.segment import SegmentMembership
from segops_language.events import IDENTIFY_EVENT
from segops_language.filters import PropertyTest
from segops_language.groups import Group
from segops_language.model import LanguageModel
from segops_language.registry import kind_of
from segops_language.values import EventPattern


@dataclass(frozen=True, slots=True)
class Part:
    """A model inside of a condition, or the condition itself."""

    path: str
    model: LanguageModel
    selector: EventSelector | None
    """What selects the events that the part is about; None when it is about the profile."""

    @property
    def event_type(self) -> str:
        """The type of the events that the part is about; for a trait, the identify event."""
        return IDENTIFY_EVENT if self.selector is None else self.selector.event_type


def walk(definition: Group, *, at: str = "definition") -> Iterator[tuple[str, Group | Condition]]:
    """Yield the definition and every node below it with its path, parents first, in the order they are written."""
    yield at, definition
    for index, node in enumerate(definition.conditions):
        path = f"{at}.conditions[{index}]"
        if isinstance(node, Group):
            yield from walk(node, at=path)
        else:
            yield path, node


def conditions_in(definition: Group) -> Iterator[tuple[str, Condition]]:
    """Yield every condition with its path, in the order they are written."""
    return ((path, node) for path, node in walk(definition) if not isinstance(node, Group))


def segments_in(definition: Group) -> list[tuple[str, int]]:
    """Return the segments that a definition refers to itself, each time with the path of its id as it was sent."""
    return [
        (definition.sent_path(f"{path}.segment_id"), node.segment_id)
        for path, node in conditions_in(definition)
        if isinstance(node, SegmentMembership)
    ]


def parts_of(model: LanguageModel, at: str, selector: EventSelector | None = None) -> Iterator[Part]:
    """Yield a condition and every model inside of it, parents first, in the order of their fields."""
    selector = model if isinstance(model, EventSelector) else selector
    yield Part(at, model, selector)
    for name, field in type(model).model_fields.items():
        value, path = getattr(model, name), f"{at}.{field.alias or name}"
        if isinstance(value, LanguageModel):
            yield from parts_of(value, path, selector)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, LanguageModel):
                    yield from parts_of(item, f"{path}[{index}]", selector)


def selectors_of(condition: Condition, at: str = "") -> Iterator[tuple[str, EventSelector]]:
    """Yield what selects the condition's events, with the path of each."""
    for part in parts_of(condition, at):
        if isinstance(part.model, EventSelector):
            yield part.path, part.model


def filters_of(condition: Condition, at: str = "") -> Iterator[tuple[Part, PropertyTest]]:
    """Yield the filters of a condition; a condition on a trait is a filter itself."""
    for part in parts_of(condition, at):
        if isinstance(part.model, PropertyTest):
            yield part, part.model


def event_types_of(condition: Condition) -> tuple[str, ...]:
    """Return the event types that a condition looks at, each once; they may be patterns."""
    types = [
        part.event_type for part in parts_of(condition, "") if isinstance(part.model, EventSelector | PropertyTest)
    ]
    return tuple(dict.fromkeys([*types, *kind_of(condition).other_events(condition)]))


@dataclass(frozen=True, slots=True)
class Needs:
    """What to read of a profile's events: events of these types, with their payloads only if `payloads`."""

    patterns: frozenset[EventPattern]
    payloads: bool


def needs_of(definitions: Iterable[Group]) -> Needs:
    """Return what definitions look at; the segments that they refer to are not included."""
    conditions = [condition for definition in definitions for _, condition in conditions_in(definition)]
    types = {event_type for condition in conditions for event_type in event_types_of(condition)}
    payloads = any(_reads_payload(condition) for condition in conditions)
    return Needs(frozenset(map(EventPattern.parse, types)), payloads)


def _reads_payload(condition: Condition) -> bool:
    return any(True for _ in filters_of(condition)) or bool(kind_of(condition).reads(condition))
