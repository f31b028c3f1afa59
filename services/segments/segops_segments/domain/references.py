"""How the segments of a tenant refer to each other: without circles, and no further than a compute job can carry."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from segops_common.core.problems import Fault
from segops_language import Group, segments_in
from segops_segments.domain.segment import Segment, definition_bytes

MAX_REFERENCES: Final = 100
MAX_DEPTH: Final = 16
MAX_TOTAL_BYTES: Final = 512 * 1024
"""Of a definition and all that it leads to: a job carries them, and the event log takes records of 1 MiB."""

MAX_SEGMENTS_OF_A_RUN: Final = 500

CYCLE: Final = "segment-cycle"
_UNSAVED: Final = 0
"""Stands for a segment that has no id yet."""


@dataclass(frozen=True, slots=True)
class Node:
    """A segment by what its definition refers to itself, and by how much room that takes in a message."""

    refers_to: frozenset[int]
    definition_bytes: int


Graph = Mapping[int, Node]
"""Whatever a node in it refers to is in it too."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """What a definition leads to, directly and through others; the bytes include its own."""

    reached: frozenset[int]
    depth: int
    total_bytes: int

    @property
    def excess(self) -> str | None:
        """Which limit is passed, in the words of a fault."""
        if self.depth > MAX_DEPTH:
            return f"would lead through more than {MAX_DEPTH} segments, one after the other"
        if len(self.reached) > MAX_REFERENCES:
            return f"would lead to more than {MAX_REFERENCES} other segments"
        if self.total_bytes > MAX_TOTAL_BYTES:
            return "would have, with all definitions that it leads to, more than 512 KiB"
        return None


def node_of(definition: Group) -> Node:
    """The node of a segment with this definition."""
    return Node(frozenset(segment_id for _, segment_id in segments_in(definition)), definition_bytes(definition))


def fits_a_job(references: Sequence[Segment]) -> bool:
    """Whether a job has room for these beside the definition that leads to them."""
    total_bytes = sum(definition_bytes(each.definition) for each in references)
    return len(references) <= MAX_REFERENCES and total_bytes <= MAX_TOTAL_BYTES


def portions(segment_ids: Sequence[int], graph: Graph) -> Iterator[Sequence[int]]:
    """Segments in their order, as many together as a job has room for with all that they lead to.

    `graph` has them and all that; what one leads to has room by itself.
    """
    extents = _extents(graph)
    together: list[int] = []
    carried: frozenset[int] = frozenset()
    for each in segment_ids:
        own = extents[each].reached | {each}
        if together and not _has_room(len(together) + 1, carried | own, graph):
            yield together
            together, carried = [], frozenset()
        together.append(each)
        carried |= own
    if together:
        yield together


def _has_room(count: int, carried: Collection[int], graph: Graph) -> bool:
    total_bytes = sum(graph[each].definition_bytes for each in carried)
    return count <= MAX_SEGMENTS_OF_A_RUN and len(carried) - count <= MAX_REFERENCES and total_bytes <= MAX_TOTAL_BYTES


def reference_faults(definition: Group, graph: Graph, segment_id: int | None) -> Sequence[Fault]:
    """What keeps a segment (None: a new one) from having the definition.

    `graph` has all that the definition and the segments that lead to this one lead to; what it lacks does not exist.
    """
    return (
        [_not_found(path) for path, referred in segments_in(definition) if referred not in graph]
        or list(_circles(definition, graph, segment_id))
        or list(_excesses(definition, graph, _UNSAVED if segment_id is None else segment_id))
    )


def _not_found(path: str) -> Fault:
    return Fault(path, "segment-not-found", "The tenant has no such segment.")


def _circles(definition: Group, graph: Graph, segment_id: int | None) -> Iterator[Fault]:
    for path, referred in segments_in(definition):
        way = None if segment_id is None else _way(graph, referred, segment_id)
        if way is not None:
            ids = ", ".join(map(str, (segment_id, *way)))
            yield Fault(path, CYCLE, f"These segments would refer to each other in a circle: {ids}.")


def _way(graph: Graph, start: int, goal: int) -> Sequence[int] | None:
    """A shortest way along references, both ends included."""
    ways: dict[int, tuple[int, ...]] = {start: (start,)}
    waiting = [start]
    for current in waiting:
        if current == goal:
            return ways[current]
        for each in sorted(graph[current].refers_to - ways.keys()):
            ways[each] = (*ways[current], each)
            waiting.append(each)
    return None


def _excesses(definition: Group, graph: Graph, segment_id: int) -> Iterator[Fault]:
    """The first limit that is passed: by the definition, or by one that refers to it and would grow with it."""
    extents = _extents({**graph, segment_id: node_of(definition)})
    for each, extent in extents.items():
        excess = extent.excess
        if excess is not None:
            own = each == segment_id
            what = "The definition" if own else f"Segment {each}, which refers to this one,"
            path = _deepest(definition, extents) if own else "definition"
            yield Fault(path, "definition-too-complex", f"{what} {excess}.")
            return


def _deepest(definition: Group, extents: Mapping[int, _Extent]) -> str:
    """The path of the first reference that leads too deep; when none does, it is the definition that has too much."""
    found = segments_in(definition)
    return next((path for path, referred in found if extents[referred].depth >= MAX_DEPTH), "definition")


def _extents(graph: Graph) -> Mapping[int, _Extent]:
    """Of every node, after those that it leads to."""
    extents: dict[int, _Extent] = {}
    for each in TopologicalSorter({key: node.refers_to for key, node in graph.items()}).static_order():
        extents[each] = _extent(each, graph, extents)
    return extents


def _extent(segment_id: int, graph: Graph, below: Mapping[int, _Extent]) -> _Extent:
    node = graph[segment_id]
    reached = node.refers_to.union(*(below[each].reached for each in node.refers_to))
    return _Extent(
        reached=reached,
        depth=max((below[each].depth + 1 for each in node.refers_to), default=0),
        total_bytes=node.definition_bytes + sum(graph[each].definition_bytes for each in reached),
    )
