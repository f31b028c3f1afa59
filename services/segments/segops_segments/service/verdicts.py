"""What a definition would be answered if it were saved, and what in it looks like a slip of the pen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segops_common.contracts.definition import Group, parse_definition
from segops_common.kit.errors import Fault
from segops_segments.domain.observed_lint import event_types_of, observed_warnings
from segops_segments.ports import Observed, Store
from segops_segments.service.references import find_reference_faults
from segops_segments.service.segments import require_segment
from segops_segments.service.validation import MAX_FAULTS, faults_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """Faults keep a definition from being saved, warnings do not; `observed` when the tenant's events were looked at."""

    faults: Sequence[Fault]
    warnings: Sequence[Fault] = ()
    observed: bool = False


class Verdicts:
    """The use case behind the route of validation; stores nothing."""

    def __init__(self, *, store: Store, observed: Observed) -> None:
        self._store = store
        self._observed = observed

    async def of(self, definition: object, *, tenant_id: int | None, segment_id: int | None) -> Verdict:
        """For any JSON value as a definition of that segment, or of a new one.

        Without a tenant, neither the segments that it refers to nor events are looked for. Raises NotFound.
        """
        faults = faults_of(definition)
        if faults or tenant_id is None:
            return Verdict(faults)
        group = parse_definition(definition)
        broken = await self._reference_faults(tenant_id, group, segment_id)
        return Verdict(broken) if broken else await self._warned(tenant_id, group)

    async def _reference_faults(self, tenant_id: int, definition: Group, segment_id: int | None) -> Sequence[Fault]:
        async with self._store.reading() as unit:
            segment = None if segment_id is None else await require_segment(unit, (tenant_id,), segment_id)
            return await find_reference_faults(unit, tenant_id, definition, segment)

    async def _warned(self, tenant_id: int, definition: Group) -> Verdict:
        seen = await self._observed.look(tenant_id, event_types_of(definition))
        if seen is None:
            return Verdict(())
        return Verdict((), observed_warnings(definition, seen)[:MAX_FAULTS], observed=True)
