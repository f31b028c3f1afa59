"""Finds segments, and checks that a definition may refer to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from segops_common.core.problems import NotFound, ValidationFailed
from segops_language import Group
from segops_language.walk import segments_in
from segops_membership.domain.segment_definition import SegmentDefinition
from segops_membership.domain.segment_graph import reference_faults
from segops_membership.ports.segment_definitions import SegmentDefinitions

T = TypeVar("T")

_MAX_FAULTS: Final = 20


def existing(segment: T | None) -> T:
    """Return the segment. Raises NotFound for None."""
    if segment is None:
        raise NotFound("There is no such segment.")
    return segment


def referred_to(*definitions: Group) -> set[int]:
    """Return the ids of the segments that the definitions themselves refer to."""
    return {segment_id for definition in definitions for _, segment_id in segments_in(definition)}


async def segments_with(
    definitions: SegmentDefinitions, tenant_id: int, needed: Collection[int]
) -> Mapping[int, SegmentDefinition]:
    """Return the segments of the tenant by id, and any of `needed` whose creation has not arrived yet.

    Of many unknown ids only the first are asked for. Raises EngineUnavailable.
    """
    segments = await definitions.of_tenant(tenant_id)
    unknown = sorted(set(needed) - segments.keys())[:_MAX_FAULTS]
    owners = [await definitions.owner([tenant_id], segment_id) for segment_id in unknown]
    return await definitions.of_tenant(tenant_id) if any(owners) else segments


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
