"""Checks that segments exist and that a definition may refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from segops_common.core.problems import NotFound, ValidationFailed
from segops_language import Group
from segops_membership.domain.segment_graph import reference_faults

T = TypeVar("T")

_MAX_FAULTS: Final = 20


def existing(segment: T | None) -> T:
    """Return the segment. Raises NotFound for None."""
    if segment is None:
        raise NotFound("There is no such segment.")
    return segment


def check_references(
    definition: Group, definitions: Mapping[int, Group], segment_id: int | None, *, at: str = "definition"
) -> None:
    """Raise ValidationFailed for references to segments that do not exist, or that lead back to the given segment.

    `at` is where the request has the definition.
    """
    first = islice(reference_faults(definition, definitions, segment_id), _MAX_FAULTS)
    faults = [replace(fault, path=at + fault.path.removeprefix("definition")) for fault in first]
    if any(fault.code == "segment-cycle" for fault in faults):
        raise ValidationFailed("A segment must not lead back to itself.", slug="segment-cycle", errors=faults)
    if faults:
        raise ValidationFailed("The definition refers to segments that do not exist.", errors=faults)
