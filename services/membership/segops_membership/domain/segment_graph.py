"""Segments that refer to segments: in which order their definitions can be given a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from segops_language.groups import Group
from segops_language.walk import segments_in


class BrokenReference(Exception):
    """A definition refers to a segment whose definition is not there, or leads back to itself; the text says which."""


def dependency_order(wanted: Iterable[int], definitions: Mapping[int, Group]) -> tuple[int, ...]:
    """The wanted segments and all that they lead to, each once, after those that it refers to itself.

    Raises BrokenReference.
    """
    graph: dict[int, frozenset[int]] = {}
    waiting = list(wanted)
    while waiting:
        segment_id = waiting.pop()
        if segment_id not in graph:
            graph[segment_id] = _references_of(segment_id, definitions)
            waiting.extend(graph[segment_id])
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = ", ".join(map(str, reversed(error.args[1])))
        raise BrokenReference(f"These segments refer to each other in a circle: {cycle}.") from None


def _references_of(segment_id: int, definitions: Mapping[int, Group]) -> frozenset[int]:
    if segment_id not in definitions:
        raise BrokenReference(f"The definition of segment {segment_id}, which is referred to, is not there.")
    return frozenset(referred for _, referred in segments_in(definitions[segment_id]))
