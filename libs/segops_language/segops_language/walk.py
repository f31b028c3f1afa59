"""Walking a definition: every node with its path, and the segments that it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segops_language.conditions import (
    AnyCondition,
    EventCount,
    EventRegularity,
    EventSequence,
    EventTime,
    Sample,
    SegmentMembership,
    TraitCondition,
)
from segops_language.events import IDENTIFY_EVENT
from segops_language.groups import Group
from segops_language.values import EventPattern


def walk(definition: Group, *, at: str = "definition") -> Iterator[tuple[str, Group | AnyCondition]]:
    """Yield the definition and every node below it with its path, parents first, in the order they are written."""
    yield at, definition
    for index, node in enumerate(definition.conditions):
        path = f"{at}.conditions[{index}]"
        if isinstance(node, Group):
            yield from walk(node, at=path)
        else:
            yield path, node


def segments_in(definition: Group) -> list[tuple[str, int]]:
    """The segments that a definition refers to itself, each time with the path of its id."""
    found = walk(definition)
    return [(f"{path}.segment_id", node.segment_id) for path, node in found if isinstance(node, SegmentMembership)]


@dataclass(frozen=True, slots=True)
class Needs:
    """What to read of a profile's events: of these types, their payloads only if asked for."""

    patterns: frozenset[EventPattern]
    payloads: bool


def needs_of(definitions: Iterable[Group]) -> Needs:
    """What definitions look at, those they refer to not included."""
    patterns: set[EventPattern] = set()
    payloads = False
    for definition in definitions:
        for _, node in walk(definition):
            patterns |= {EventPattern.parse(each) for each in _types_of(node)}
            payloads = payloads or _reads_payload(node)
    return Needs(frozenset(patterns), payloads)


def _types_of(node: Group | AnyCondition) -> tuple[str, ...]:
    match node:
        case EventSequence():
            return tuple(step.event_type for step in node.steps)
        case TraitCondition():
            return (IDENTIFY_EVENT,)
        case Group() | Sample() | SegmentMembership():
            return ()
        case _:
            return (node.event_type,)


def _reads_payload(node: Group | AnyCondition) -> bool:
    match node:
        case EventCount():
            return bool(node.where) or node.per is not None
        case EventTime() | EventRegularity():
            return bool(node.where)
        case EventSequence():
            return any(step.where for step in node.steps)
        case Group() | Sample() | SegmentMembership():
            return False
        case _:
            return True
