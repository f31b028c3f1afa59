"""What a definition would be answered if it were saved, and what in it looks like a slip of the pen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.core.problems import Fault
from segops_language import Group, content_hash, parse_definition
from segops_language.lint import static_warnings
from segops_segments.domain.observed_lint import event_types_of, observed_warnings
from segops_segments.ports.transactions import Observed, Store
from segops_segments.service.segments.manage import require_segment
from segops_segments.service.segments.references import find_reference_faults
from segops_segments.service.validation.definition_checks import MAX_FAULTS, faults_of, to_faults

_MAX_ALIKE: Final = 5


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
        if faults:
            return Verdict(faults)
        group = parse_definition(definition)
        if tenant_id is None:
            return Verdict((), to_faults(static_warnings(group))[:MAX_FAULTS])
        async with self._store.reading() as unit:
            segment = None if segment_id is None else await require_segment(unit, (tenant_id,), segment_id)
            broken = await find_reference_faults(unit, tenant_id, group, segment)
            alike = await unit.with_definition(tenant_id, content_hash(group), _MAX_ALIKE + 1)
        if broken:
            return Verdict(broken)
        repeated = _repeated([each for each in alike if each != segment_id][:_MAX_ALIKE])
        return await self._observed_too(tenant_id, group, (*repeated, *to_faults(static_warnings(group))))

    async def _observed_too(self, tenant_id: int, definition: Group, warnings: Sequence[Fault]) -> Verdict:
        seen = await self._observed.look(tenant_id, event_types_of(definition))
        observed = () if seen is None else observed_warnings(definition, seen)
        return Verdict((), (*warnings, *observed)[:MAX_FAULTS], observed=seen is not None)


def _repeated(alike: Sequence[int]) -> Sequence[Fault]:
    if not alike:
        return ()
    ids = ", ".join(map(str, alike))
    return (Fault("definition", "duplicate-segment", f"These segments have the same definition: {ids}."),)
