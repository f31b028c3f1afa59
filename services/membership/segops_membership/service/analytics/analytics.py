"""Numbers of a tenant, from published runs and stored events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from segops_common.core.clock import Clock
from segops_language.values.instants import to_ms
from segops_membership.domain.explorer.analytics import (
    DAY_MS,
    Overview,
    PairOverlap,
    SegmentTrend,
    Usage,
    day_of,
    days_filled,
    largest_overlaps,
    sizes_carried,
)
from segops_membership.domain.publication import SegmentHead
from segops_membership.domain.segment_definition import SegmentDefinition
from segops_membership.ports.explorer.analytics import AnalyticsReader
from segops_membership.ports.explorer.segments import SegmentSizes
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.run_results import RunResults
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.explorer.reading import reads_mapped

DAYS: Final = 30
MAX_COMPARED: Final = 50
"""Overlaps are of the largest segments only: each bitmap may be as large as the tenant."""
MAX_PAIRS: Final = 20


class Analytics:
    """The use cases of the routes of analytics. All raise Unavailable."""

    def __init__(
        self,
        *,
        reader: AnalyticsReader,
        sizes: SegmentSizes,
        results: RunResults,
        definitions: SegmentDefinitions,
        publications: PublicationLog,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._sizes = sizes
        self._results = results
        self._definitions = definitions
        self._publications = publications
        self._clock = clock

    async def overview(self, tenant_id: int) -> Overview:
        """Return the numbers of segments, of users in any segment, and of events in the last 30 days."""
        since_ms = to_ms(self._clock.now()) - DAYS * DAY_MS
        with reads_mapped():
            definitions, heads = await self._segments(tenant_id)
            members, events = await asyncio.gather(
                self._reader.distinct_members(tenant_id, heads), self._reader.events_since(tenant_id, since_ms)
            )
        return Overview(segment_count=len(definitions), total_members=members, events_30d=events)

    async def segments(self, tenant_id: int) -> Sequence[SegmentTrend]:
        """Return all segments, ascending by id, with their sizes in the last 30 days, today included."""
        today = self._today()
        first = today - DAYS + 1
        with reads_mapped():
            definitions, heads = await self._segments(tenant_id)
            sizes, by_day = await asyncio.gather(
                self._sizes.sizes(tenant_id, heads), self._reader.sizes_by_day(tenant_id, first)
            )
        return [
            SegmentTrend(
                segment_id=id,
                name=definition.title,
                member_count=sizes.get(id),
                computed_ms=heads[id].as_of_ms if id in heads else None,
                trend=sizes_carried(by_day.get(id, {}), first, today),
            )
            for id, definition in definitions.items()
        ]

    async def sizes(self, tenant_id: int) -> Mapping[int, tuple[str, int | None]]:
        """Return the name and the size of each segment, None before its first published run."""
        with reads_mapped():
            definitions, heads = await self._segments(tenant_id)
            sizes = await self._sizes.sizes(tenant_id, heads)
        return {id: (definition.title, sizes.get(id)) for id, definition in definitions.items()}

    async def overlaps(self, tenant_id: int) -> Sequence[tuple[PairOverlap, str, str]]:
        """Return the pairs of segments with the most common members, and their names, among the largest segments."""
        with reads_mapped():
            definitions, heads = await self._segments(tenant_id)
            sizes = await self._sizes.sizes(tenant_id, heads)
            largest = sorted(sizes, key=lambda id: (-sizes[id], id))[:MAX_COMPARED]
            members = await self._results.published_members(tenant_id, {id: heads[id] for id in largest})
        pairs = await asyncio.to_thread(largest_overlaps, members, MAX_PAIRS)
        return [(pair, definitions[pair.first].title, definitions[pair.second].title) for pair in pairs]

    async def usage(self, tenant_id: int, days: int) -> Usage:
        """Return the events received on each of the last days, today included, and what is stored."""
        today = self._today()
        first = today - days + 1
        with reads_mapped():
            by_day, (events, stored_bytes) = await asyncio.gather(
                self._reader.received_by_day(tenant_id, first), self._reader.stored(tenant_id)
            )
        return Usage(events=days_filled(by_day, first, today), stored_events=events, stored_bytes=stored_bytes)

    def _today(self) -> int:
        return day_of(to_ms(self._clock.now()))

    async def _segments(self, tenant_id: int) -> tuple[Mapping[int, SegmentDefinition], Mapping[int, SegmentHead]]:
        """Return the definitions of the tenant, and the published state of the segments that have one."""
        definitions, head = await asyncio.gather(
            self._definitions.of_tenant(tenant_id), self._publications.head(tenant_id)
        )
        return definitions, {id: head.segments[id] for id in definitions if id in head.segments}
