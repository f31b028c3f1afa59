"""Compares the filters of a definition with the values that events have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_common.core.clock import Clock
from segops_language import Group, LanguageFault
from segops_language.lint.values import Property, ValueCounts, properties_of, value_warnings
from segops_language.values.instants import to_ms
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.events import ObservedEventsReader

MAX_AGE_MS: Final = 60_000
MAX_CACHED: Final = 10_000


class ValueChecks:
    """Returns warnings about values. Counts are kept for a minute, so an edit counts only new properties."""

    def __init__(self, *, observed: ObservedEventsReader, clock: Clock) -> None:
        self._observed = observed
        self._clock = clock
        self._cache: dict[tuple[int, Property], tuple[int, ValueCounts]] = {}

    async def warnings(self, tenant_id: int, definition: Group) -> tuple[LanguageFault, ...]:
        """Return the warnings about a definition; none if events cannot be read now."""
        try:
            return value_warnings(definition, await self._counts(tenant_id, properties_of(definition)))
        except EngineUnavailable:
            return ()

    async def _counts(self, tenant_id: int, properties: tuple[Property, ...]) -> Mapping[Property, ValueCounts]:
        now_ms = to_ms(self._clock.now())
        cached = {item: self._cache.get((tenant_id, item)) for item in properties}
        fresh = {item: entry[1] for item, entry in cached.items() if entry and now_ms - entry[0] < MAX_AGE_MS}
        missing = [item for item in properties if item not in fresh]
        if not missing:
            return fresh
        counts = await self._observed.count_values(tenant_id, missing)
        if len(self._cache) + len(counts) > MAX_CACHED:
            self._cache.clear()
        self._cache.update({(tenant_id, item): (now_ms, of_property) for item, of_property in counts.items()})
        return {**fresh, **counts}
