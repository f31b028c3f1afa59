"""Whether a definition may refer to the segments it refers to."""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.core.problems import Conflict, Fault, ValidationFailed
from segops_language import Group
from segops_segments.domain.references import CYCLE, node_of, reference_faults
from segops_segments.domain.segment import Segment
from segops_segments.ports.transactions import ReadUnit
from segops_segments.service.validation.definition_checks import MAX_FAULTS

_MAX_NAMED = 20


async def find_reference_faults(
    unit: ReadUnit, tenant_id: int, definition: Group, segment: Segment | None
) -> Sequence[Fault]:
    """What keeps the segment (None: a new one) from having the definition; the first faults only."""
    refers_to = node_of(definition).refers_to
    above = () if segment is None else await unit.referring_to(tenant_id, segment.id)
    if not refers_to and not above:
        return ()
    graph = await unit.reference_graph(tenant_id, {*refers_to, *above})
    return reference_faults(definition, graph, None if segment is None else segment.id)[:MAX_FAULTS]


async def check_references(unit: ReadUnit, tenant_id: int, definition: Group, segment: Segment | None) -> None:
    """Raises ValidationFailed, with a slug of its own when segments would refer to each other in a circle."""
    faults = await find_reference_faults(unit, tenant_id, definition, segment)
    if any(fault.code == CYCLE for fault in faults):
        raise ValidationFailed(faults[0].detail, slug="segment-cycle", errors=faults)
    if faults:
        raise ValidationFailed("The definition cannot refer to these segments.", errors=faults)


def check_unused(segment: Segment) -> None:
    """Raises Conflict (segment-in-use) while others refer to the segment."""
    if segment.referenced_by:
        ids = ", ".join(map(str, segment.referenced_by[:_MAX_NAMED]))
        more = " and others" if len(segment.referenced_by) > _MAX_NAMED else ""
        raise Conflict(f"The definitions of segments {ids}{more} refer to it.", slug="segment-in-use")
