"""Segments that refer to segments: which lead to which, and in which order they can be compiled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from segops_common.core.problems import Fault
from segops_language.groups import Group
from segops_language.walk import segments_in


class BrokenReference(Exception):
    """A definition refers to a segment without a definition, or leads back to itself; the text says which."""


def dependency_order(segment_ids: Iterable[int], definitions: Mapping[int, Group]) -> tuple[int, ...]:
    """Return the segments and all that they lead to, each once and after those that it refers to.

    Raises BrokenReference.
    """
    graph: dict[int, frozenset[int]] = {}
    pending = list(segment_ids)
    while pending:
        segment_id = pending.pop()
        if segment_id not in graph:
            graph[segment_id] = _references_of(segment_id, definitions)
            pending.extend(graph[segment_id])
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = ", ".join(map(str, reversed(error.args[1])))
        raise BrokenReference(f"These segments refer to each other in a circle: {cycle}.") from None


def _references_of(segment_id: int, definitions: Mapping[int, Group]) -> frozenset[int]:
    if segment_id not in definitions:
        raise BrokenReference(f"Another segment refers to segment {segment_id}, whose definition is not known.")
    return frozenset(referenced for _, referenced in segments_in(definitions[segment_id]))


def dependents_of(segment_id: int, definitions: Mapping[int, Group]) -> frozenset[int]:
    """Return the segments whose definitions refer to the segment, directly or through others."""
    referring: defaultdict[int, set[int]] = defaultdict(set)
    for id, definition in definitions.items():
        for _, referenced in segments_in(definition):
            referring[referenced].add(id)
    dependents: set[int] = set()
    pending = [segment_id]
    while pending:
        new = referring[pending.pop()] - dependents
        dependents |= new
        pending += new
    return frozenset(dependents)


def reachable_from(definition: Group, definitions: Mapping[int, Group]) -> frozenset[int]:
    """Return the existing segments that a definition refers to, directly or through others."""
    reachable: set[int] = set()
    pending = [definition]
    while pending:
        new = {referenced for _, referenced in segments_in(pending.pop())} & definitions.keys() - reachable
        reachable |= new
        pending += [definitions[id] for id in new]
    return frozenset(reachable)


def reference_faults(definition: Group, definitions: Mapping[int, Group], segment_id: int | None) -> Iterator[Fault]:
    """Yield references to segments that do not exist, or that lead back to the segment with this definition."""
    references = segments_in(definition)
    above = dependents_of(segment_id, definitions) | {segment_id} if references and segment_id is not None else ()
    for path, referenced in references:
        if referenced not in definitions:
            yield Fault(path, "segment-not-found", "must be the id of a segment of the tenant")
        elif referenced in above:
            yield Fault(path, "segment-cycle", "must not lead back to the segment itself")
