"""Which segments lead to which, by their present definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from segops_common.core.problems import Fault
from segops_language.groups import Group
from segops_language.walk import segments_in


def dependents_of(segment_id: int, definitions: Mapping[int, Group]) -> frozenset[int]:
    """The segments whose definitions refer to the segment, directly or through others."""
    referring: defaultdict[int, set[int]] = defaultdict(set)
    for each, definition in definitions.items():
        for _, referred in segments_in(definition):
            referring[referred].add(each)
    found: set[int] = set()
    waiting = [segment_id]
    while waiting:
        new = referring[waiting.pop()] - found
        found |= new
        waiting += new
    return frozenset(found)


def reached_from(definition: Group, definitions: Mapping[int, Group]) -> frozenset[int]:
    """The segments that a definition refers to, directly or through others, as far as they are there."""
    found: set[int] = set()
    waiting = [definition]
    while waiting:
        new = {referred for _, referred in segments_in(waiting.pop())} & definitions.keys() - found
        found |= new
        waiting += [definitions[each] for each in new]
    return frozenset(found)


def reference_faults(definition: Group, definitions: Mapping[int, Group], segment_id: int | None) -> Iterator[Fault]:
    """References of a definition to segments that are not there, or that lead back to the segment that would have it."""
    references = segments_in(definition)
    above = dependents_of(segment_id, definitions) | {segment_id} if references and segment_id is not None else ()
    for path, referred in references:
        if referred not in definitions:
            yield Fault(path, "segment-not-found", "The tenant has no such segment.")
        elif referred in above:
            yield Fault(path, "segment-cycle", "The segment would lead back to itself.")
