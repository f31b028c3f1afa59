"""Walking a definition: every node with its path, and the segments that it refers to."""

from __future__ import annotations

from collections.abc import Iterator

from segops_language.conditions import (
    AnyCondition,
    SegmentMembership,
)
from segops_language.groups import Group


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
