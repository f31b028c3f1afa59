"""The validation report: what keeps a definition from being saved, and what in it looks like a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import Fault
from segops_language import Group, content_hash, parse_definition
from segops_language.lint import static_warnings
from segops_segments.domain.observed_lint import event_types_of, observed_warnings
from segops_segments.ports.observed_events import ObservedEventsReader
from segops_segments.ports.transactions import Store
from segops_segments.service.segments.access import require_segment
from segops_segments.service.segments.references import find_reference_faults
from segops_segments.service.validation.definition_checks import MAX_FAULTS, faults_of, to_faults

_MAX_DUPLICATES: Final = 5


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Faults keep a definition from being saved, warnings do not.

    `observed` says whether the definition was compared with the tenant's events.
    """

    faults: Sequence[Fault]
    warnings: Sequence[Fault] = ()
    observed: bool = False


class ValidateDefinition:
    """Validates definitions without storing anything."""

    def __init__(self, *, store: Store, observed_events: ObservedEventsReader, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._observed_events = observed_events

    async def validate(self, definition: object, *, tenant_id: int | None, segment_id: int | None) -> ValidationReport:
        """Return the report on any JSON value as a definition of that segment; None means a new segment.

        Without a tenant, references and events are not checked. Raises NotFound.
        """
        faults = faults_of(definition)
        if faults:
            return ValidationReport(faults)
        group = parse_definition(definition)
        warnings = to_faults(static_warnings(group, self._clock.now()))
        if tenant_id is None:
            return ValidationReport((), warnings[:MAX_FAULTS])
        async with self._store.reading() as unit:
            segment = None if segment_id is None else await require_segment(unit, (tenant_id,), segment_id)
            reference_faults = await find_reference_faults(unit, tenant_id, group, segment)
            same = await unit.segments_with_definition(tenant_id, content_hash(group), _MAX_DUPLICATES + 1)
        if reference_faults:
            return ValidationReport(reference_faults)
        duplicates = [other_id for other_id in same if other_id != segment_id][:_MAX_DUPLICATES]
        return await self._compare_with_events(tenant_id, group, (*_duplicate_warnings(duplicates), *warnings))

    async def _compare_with_events(
        self, tenant_id: int, definition: Group, warnings: Sequence[Fault]
    ) -> ValidationReport:
        events = await self._observed_events.read(tenant_id, event_types_of(definition))
        if events is None:
            return ValidationReport((), warnings[:MAX_FAULTS])
        all_warnings = (*warnings, *observed_warnings(definition, events))
        return ValidationReport((), all_warnings[:MAX_FAULTS], observed=True)


def _duplicate_warnings(segment_ids: Sequence[int]) -> Sequence[Fault]:
    if not segment_ids:
        return ()
    ids = ", ".join(map(str, segment_ids))
    return (Fault("definition", "duplicate-segment", f"These segments have the same definition: {ids}."),)
