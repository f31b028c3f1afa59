"""Checking which segments a definition refers to, and which segments refer to a segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segops_common.core.problems import Conflict, Fault, ValidationFailed
from segops_language import Group
from segops_segments.domain.references import CYCLE, node_of, reference_faults
from segops_segments.domain.segment import Segment
from segops_segments.ports.references import ReferenceReader
from segops_segments.service.validation.definition_checks import MAX_FAULTS

_MAX_NAMED: Final = 20


async def find_reference_faults(
    unit: ReferenceReader, tenant_id: int, definition: Group, segment: Segment | None
) -> Sequence[Fault]:
    """Return the first faults that keep the segment (None: a new one) from having the definition."""
    refers_to = node_of(definition).refers_to
    above = () if segment is None else await unit.find_referrers(tenant_id, segment.id)
    if not refers_to and not above:
        return ()
    graph = await unit.reference_graph(tenant_id, {*refers_to, *above})
    return reference_faults(definition, graph, None if segment is None else segment.id)[:MAX_FAULTS]


async def require_valid_references(
    unit: ReferenceReader, tenant_id: int, definition: Group, segment: Segment | None
) -> None:
    """Raise ValidationFailed for invalid references; its slug is `segment-cycle` when they form a cycle."""
    faults = await find_reference_faults(unit, tenant_id, definition, segment)
    if any(fault.code == CYCLE for fault in faults):
        raise ValidationFailed(faults[0].detail, slug="segment-cycle", errors=faults)
    if faults:
        raise ValidationFailed("The definition has invalid references to segments.", errors=faults)


def require_unreferenced(segment: Segment) -> None:
    """Raise Conflict (segment-in-use) while other segments refer to the segment."""
    if segment.referenced_by:
        ids = ", ".join(map(str, segment.referenced_by[:_MAX_NAMED]))
        more = " and others" if len(segment.referenced_by) > _MAX_NAMED else ""
        raise Conflict(
            f"The definitions of segments {ids}{more} refer to this segment. Change them first.", slug="segment-in-use"
        )
