"""How the segments of a tenant refer to each other: without cycles, and within what one compute job can carry."""

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
"""Of a definition and all definitions that it leads to: a job carries them, and the event log takes records of 1 MiB."""

MAX_SEGMENTS_OF_A_RUN: Final = 500

CYCLE: Final = "segment-cycle"
_UNSAVED: Final = 0
"""The id of a segment that is not stored yet."""


@dataclass(frozen=True, slots=True)
class Node:
    """A segment in the graph: the ids in its own definition, and the size of that definition in a message."""

    refers_to: frozenset[int]
    definition_bytes: int


Graph = Mapping[int, Node]
"""Nodes by segment id; every id that a node refers to is also a key."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """What a definition leads to, directly and through other segments; `total_bytes` includes the definition itself."""

    reached: frozenset[int]
    depth: int
    total_bytes: int

    @property
    def excess(self) -> str | None:
        """The limit that is exceeded, as the end of an error detail; None within all limits."""
        if self.depth > MAX_DEPTH:
            return f"must not lead through more than {MAX_DEPTH} segments, one after the other"
        if len(self.reached) > MAX_REFERENCES:
            return f"must not lead to more than {MAX_REFERENCES} other segments"
        if self.total_bytes > MAX_TOTAL_BYTES:
            return "must not exceed 512 KiB together with all definitions that it leads to"
        return None


def node_of(definition: Group) -> Node:
    """Return the node of a segment with this definition."""
    return Node(frozenset(segment_id for _, segment_id in segments_in(definition)), definition_bytes(definition))


def fits_a_job(references: Sequence[Segment]) -> bool:
    """Return whether a job has room for these segments in addition to the one that leads to them."""
    total_bytes = sum(definition_bytes(segment.definition) for segment in references)
    return len(references) <= MAX_REFERENCES and total_bytes <= MAX_TOTAL_BYTES


def portions(segment_ids: Sequence[int], graph: Graph) -> Iterator[Sequence[int]]:
    """Split segments, in their order, into as few portions as the size of a job allows.

    `graph` must have the segments and everything that they lead to. A segment always fits into a job of its own.
    """
    extents = _extents(graph)
    portion: list[int] = []
    carried: frozenset[int] = frozenset()
    for segment_id in segment_ids:
        own = extents[segment_id].reached | {segment_id}
        if portion and not _fits(len(portion) + 1, carried | own, graph):
            yield portion
            portion, carried = [], frozenset()
        portion.append(segment_id)
        carried |= own
    if portion:
        yield portion


def _fits(segments: int, carried: Collection[int], graph: Graph) -> bool:
    """Return whether one job may compute that many segments when it carries these definitions."""
    total_bytes = sum(graph[segment_id].definition_bytes for segment_id in carried)
    references = len(carried) - segments
    return segments <= MAX_SEGMENTS_OF_A_RUN and references <= MAX_REFERENCES and total_bytes <= MAX_TOTAL_BYTES


def reached_from(segment_id: int, definitions: Mapping[int, Group]) -> frozenset[int]:
    """Return the other segments with a definition that the segment leads to, directly or through others."""
    reached: set[int] = set()
    pending = [segment_id]
    while pending:
        new = {referred for _, referred in segments_in(definitions[pending.pop()])} & definitions.keys() - reached
        reached |= new
        pending += new
    return frozenset(reached - {segment_id})


def unknown_segment(path: str) -> Fault:
    """Return the fault of an id that the tenant has no segment of; the same for ids of other tenants."""
    return Fault(path, "segment-not-found", "must be the id of a segment of this tenant")


def reference_faults(definition: Group, graph: Graph, segment_id: int | None) -> Sequence[Fault]:
    """Return why a segment (None: a new one) must not have the definition; empty when it may.

    `graph` must have everything that the definition leads to, and everything that leads to the segment with all its
    references. An id that the graph lacks does not exist.
    """
    return (
        [unknown_segment(path) for path, referred in segments_in(definition) if referred not in graph]
        or list(_cycles(definition, graph, segment_id))
        or list(_excesses(definition, graph, _UNSAVED if segment_id is None else segment_id))
    )


def _cycles(definition: Group, graph: Graph, segment_id: int | None) -> Iterator[Fault]:
    for path, referred in segments_in(definition):
        chain = None if segment_id is None else _shortest_chain(graph, referred, segment_id)
        if chain is not None:
            ids = ", ".join(map(str, (segment_id, *chain)))
            yield Fault(path, CYCLE, f"Segments must not refer to each other in a cycle: {ids}.")


def _shortest_chain(graph: Graph, start: int, goal: int) -> Sequence[int] | None:
    """Return a shortest chain of references, both ends included; None when `goal` is out of reach."""
    chains: dict[int, tuple[int, ...]] = {start: (start,)}
    waiting = [start]
    for current in waiting:
        if current == goal:
            return chains[current]
        for following in sorted(graph[current].refers_to - chains.keys()):
            chains[following] = (*chains[current], following)
            waiting.append(following)
    return None


def _excesses(definition: Group, graph: Graph, segment_id: int) -> Iterator[Fault]:
    """Yield the first exceeded limit: of the definition, or of a segment that refers to it and would grow with it."""
    extents = _extents({**graph, segment_id: node_of(definition)})
    for grown_id, extent in extents.items():
        excess = extent.excess
        if excess is not None:
            is_own = grown_id == segment_id
            subject = "The definition" if is_own else f"Segment {grown_id}, which refers to this one,"
            path = _deepest_path(definition, extents) if is_own else "definition"
            yield Fault(path, "definition-too-complex", f"{subject} {excess}.")
            return


def _deepest_path(definition: Group, extents: Mapping[int, _Extent]) -> str:
    """Return the path of the first reference that leads too deep; that of the definition when none does."""
    too_deep = (path for path, referred in segments_in(definition) if extents[referred].depth >= MAX_DEPTH)
    return next(too_deep, "definition")


def _extents(graph: Graph) -> Mapping[int, _Extent]:
    """Return the extent of every node; a node comes after the nodes that it refers to."""
    extents: dict[int, _Extent] = {}
    for segment_id in TopologicalSorter({key: node.refers_to for key, node in graph.items()}).static_order():
        extents[segment_id] = _extent(segment_id, graph, extents)
    return extents


def _extent(segment_id: int, graph: Graph, below: Mapping[int, _Extent]) -> _Extent:
    node = graph[segment_id]
    reached = node.refers_to.union(*(below[referred].reached for referred in node.refers_to))
    return _Extent(
        reached=reached,
        depth=max((below[referred].depth + 1 for referred in node.refers_to), default=0),
        total_bytes=node.definition_bytes + sum(graph[referred].definition_bytes for referred in reached),
    )
