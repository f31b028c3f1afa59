"""Counts events and members in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import orjson
from pyroaring import BitMap

from segops_language.events import Event
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.explorer.analytics import day_of
from segops_membership.domain.publication import SegmentHead


class MemoryAnalytics:
    """See the port `AnalyticsReader`. Events are received at their own time."""

    def __init__(self, *, warehouse: MemoryWarehouse, results: MemoryRunResults) -> None:
        self._warehouse = warehouse
        self._results = results

    async def distinct_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> int:
        """See the port."""
        members = await self._results.published_members(tenant_id, heads)
        return len(BitMap.union(BitMap(), *members.values()))

    async def sizes_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, Mapping[int, int]]:
        """See the port."""
        visible = [publication for (tenant, _), publication in self._results.visible.items() if tenant == tenant_id]
        sizes: dict[int, dict[int, int]] = {}
        for publication in sorted(visible, key=lambda item: item.attempt.run_id):
            day = max(day_of(publication.as_of_ms), first_day - 1)
            head = SegmentHead(publication.attempt, publication.as_of_ms)
            heads = {segment.segment_id: head for segment in publication.segments}
            for segment_id, members in (await self._results.published_members(tenant_id, heads)).items():
                sizes.setdefault(segment_id, {})[day] = len(members)
        return sizes

    async def events_since(self, tenant_id: int, since_ms: int) -> int:
        """See the port."""
        return sum(event.timestamp_ms >= since_ms for event in self._events(tenant_id))

    async def received_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, int]:
        """See the port."""
        days = (day_of(event.timestamp_ms) for event in self._events(tenant_id))
        return Counter(day for day in days if day >= first_day)

    async def stored(self, tenant_id: int) -> tuple[int, int]:
        """See the port."""
        events = self._events(tenant_id)
        return len(events), sum(len(orjson.dumps(event.payload)) for event in events)

    def _events(self, tenant_id: int) -> list[Event]:
        return [event for events in self._warehouse.tenant(tenant_id).events.values() for event in events.values()]
