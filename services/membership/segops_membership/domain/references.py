"""Which segments refer to which, by their current definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from segops_common.core.problems import Fault
from segops_language.groups import Group
from segops_language.walk import segments_in


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
