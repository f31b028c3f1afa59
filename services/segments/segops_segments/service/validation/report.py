"""The validation report: what keeps a definition from being saved, and what in it looks like a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import Fault
from segops_language import Group, content_hash, parse_definition
from segops_language.lint import static_warnings
from segops_language.lint.retention import Retention, retention_warnings
from segops_language.lint.values import (
    MAX_PROPERTIES,
    Property,
    ValueCounts,
    instant_properties_of,
    properties_of,
    value_warnings,
)
from segops_segments.domain.observed_lint import event_types_of, observed_warnings
from segops_segments.domain.segment import Segment
from segops_segments.ports.observed_events import ObservedEventsReader
from segops_segments.ports.transactions import Store
from segops_segments.service.segments.access import require_segment
from segops_segments.service.segments.references import find_reference_faults
from segops_segments.service.validation.definition_checks import MAX_FAULTS, faults_of, to_faults

_MAX_DUPLICATES: Final = 5
_MAX_CHANGED: Final = 50


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Faults keep a definition from being saved, warnings do not.

    `observed` says whether the definition was compared with the tenant's events. `changed_segments` are segments of the
    tenant, ascending, that read dates or times without a zone as instants, which they did not before.
    """

    faults: Sequence[Fault]
    warnings: Sequence[Fault] = ()
    observed: bool = False
    changed_segments: Sequence[int] = ()


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
        reads_instants = bool(instant_properties_of(group))
        async with self._store.reading() as unit:
            others = await unit.segments_with_instants(tenant_id, _MAX_CHANGED) if reads_instants else ()
            segment = None if segment_id is None else await require_segment(unit, (tenant_id,), segment_id)
            reference_faults = await find_reference_faults(unit, tenant_id, group, segment)
            same = await unit.segments_with_definition(tenant_id, content_hash(group), _MAX_DUPLICATES + 1)
        if reference_faults:
            return ValidationReport(reference_faults)
        duplicates = [other_id for other_id in same if other_id != segment_id][:_MAX_DUPLICATES]
        return await self._compare_with_events(tenant_id, group, (*_duplicate_warnings(duplicates), *warnings), others)

    async def _compare_with_events(
        self, tenant_id: int, definition: Group, warnings: Sequence[Fault], others: Sequence[Segment]
    ) -> ValidationReport:
        of_others = [item for segment in others for item in instant_properties_of(segment.definition)]
        properties = tuple(dict.fromkeys([*properties_of(definition), *of_others]))[:MAX_PROPERTIES]
        events = await self._observed_events.read(tenant_id, event_types_of(definition), properties)
        if events is None:
            return ValidationReport((), warnings[:MAX_FAULTS])
        counts = {(values.event_type, values.property): values.counts for values in events.values}
        of_values = to_faults(value_warnings(definition, counts))
        kept = events.retention
        of_age = retention_warnings(
            definition, Retention(kept.default_days, kept.days, kept.removed), self._clock.now()
        )
        all_warnings = (*warnings, *observed_warnings(definition, events), *of_values, *to_faults(of_age))
        changed = tuple(segment.id for segment in others if _reads_short_instants(segment, counts))
        return ValidationReport((), all_warnings[:MAX_FAULTS], observed=True, changed_segments=changed)


def _reads_short_instants(segment: Segment, counts: Mapping[Property, ValueCounts]) -> bool:
    properties = instant_properties_of(segment.definition)
    return any(counts[item].short_instants for item in properties if item in counts)


def _duplicate_warnings(segment_ids: Sequence[int]) -> Sequence[Fault]:
    if not segment_ids:
        return ()
    ids = ", ".join(map(str, segment_ids))
    return (Fault("definition", "duplicate-segment", f"These segments have the same definition: {ids}."),)
