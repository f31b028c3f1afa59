"""Segments, versions and references in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from segops_language.lint.values import instant_properties_of
from segops_segments.adapters.memory.state import MemorySession
from segops_segments.domain.references import Graph, node_of
from segops_segments.domain.segment import (
    EVERY_SEGMENT,
    MAX_SHOWN_REFERRERS,
    NewSegment,
    Segment,
    SegmentFilter,
    Version,
)
from segops_segments.ports.segments import NameTaken


class MemorySegments(MemorySession):
    """See the ports `SegmentWriter`, `VersionWriter` and `ReferenceReader`."""

    async def find_segment(self, tenants: Collection[int], segment_id: int) -> Segment | None:
        return next((segment for segment in self._shown(tenants) if segment.id == segment_id), None)

    async def list_segments(
        self,
        tenants: Collection[int],
        after: int,
        limit: int,
        *,
        offset: int = 0,
        among: Collection[int] | None = None,
        only: SegmentFilter = EVERY_SEGMENT,
    ) -> Sequence[Segment]:
        segments = [segment for segment in self._shown(tenants) if among is None or segment.id in among]
        return [segment for segment in segments if segment.id > after and only.selects(segment)][offset:][:limit]

    async def segment_count(self, tenants: Collection[int], only: SegmentFilter = EVERY_SEGMENT) -> int:
        return sum(map(only.selects, self._state.present(tenants)))

    async def due_segments(self, tenant_id: int, not_after: datetime, limit: int) -> Sequence[Segment]:
        due = {segment.id for segment in self._state.due(not_after)}
        return [segment for segment in self._shown((tenant_id,)) if segment.id in due][:limit]

    async def incomplete_segments(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        incomplete = {segment.id for segment in self._state.incomplete()}
        return [segment for segment in self._shown((tenant_id,)) if segment.id in incomplete][:limit]

    async def segments_with_definition(self, tenant_id: int, definition_hash: str, limit: int) -> Sequence[int]:
        defined = [segment for segment in self._shown((tenant_id,)) if segment.segment_type != "static"]
        return sorted(segment.id for segment in defined if segment.definition_hash == definition_hash)[:limit]

    async def segments_with_instants(self, tenant_id: int, limit: int) -> Sequence[Segment]:
        segments = sorted(self._shown((tenant_id,)), key=lambda segment: segment.id)
        return [segment for segment in segments if instant_properties_of(segment.definition)][:limit]

    async def find_referrers(self, tenant_id: int, segment_id: int) -> Collection[int]:
        above = {segment_id}
        while more := {segment.id for segment in self._referrers(tenant_id, above)} - above:
            above |= more
        return above - {segment_id}

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
        reachable = await self.list_reachable(tenant_id, segment_ids)
        return {segment.id: node_of(segment.definition) for segment in reachable}

    async def list_reachable(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        shown = {segment.id: segment for segment in self._shown((tenant_id,))}
        reached = shown.keys() & segment_ids
        while more := {referred for segment_id in reached for referred in shown[segment_id].references} - reached:
            reached |= more
        return [shown[segment_id] for segment_id in sorted(reached)]

    async def add_segment(self, tenant_id: int, new: NewSegment, at: datetime) -> Segment:
        segment = Segment(
            id=next(self._ids),
            tenant_id=tenant_id,
            name=new.name,
            segment_type=new.segment_type,
            definition=new.definition,
            description=new.description,
            refresh=new.refresh,
            version=1,
            created_at=at,
            updated_at=at,
            tags=new.tags,
            created_by=new.created_by,
        )
        await self.save_segment(tenant_id, segment)
        return segment

    async def save_segment(self, tenant_id: int, segment: Segment) -> None:
        others = [other for other in self._state.present((tenant_id,)) if other.id != segment.id]
        if any(other.name == segment.name for other in others):
            raise NameTaken
        self._state.segments[segment.id] = segment

    async def delete_segment(self, tenant_id: int, segment_id: int, at: datetime) -> None:
        if await self.find_segment((tenant_id,), segment_id) is not None:
            self._state.deleted[segment_id] = at

    async def list_versions(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Version]:
        versions = self._newest_first(tenant_id, segment_id)
        return [version for version in versions if version.number < before][offset:][:limit]

    async def version_count(self, tenant_id: int, segment_id: int) -> int:
        return len(self._newest_first(tenant_id, segment_id))

    async def newest_versions(self, tenant_id: int, at_most: Mapping[int, int]) -> Mapping[int, Version]:
        newest: dict[int, Version] = {}
        for segment_id, number in at_most.items():
            for version in await self.list_versions(tenant_id, segment_id, number + 1, 1):
                newest[segment_id] = version
        return newest

    async def add_version(self, tenant_id: int, version: Version) -> None:
        if await self.find_segment((tenant_id,), version.segment_id) is not None:
            self._state.versions[version.segment_id].append(version)

    def _newest_first(self, tenant_id: int, segment_id: int) -> Sequence[Version]:
        segment = self._state.segments.get(segment_id)
        if segment is None or segment.tenant_id != tenant_id:
            return ()
        return self._state.versions[segment_id][::-1]

    def _referrers(self, tenant_id: int, segment_ids: Collection[int]) -> list[Segment]:
        present = self._state.present((tenant_id,))
        return [segment for segment in present if not set(segment_ids).isdisjoint(segment.references)]

    def _shown(self, tenants: Collection[int]) -> list[Segment]:
        """Return the present segments, each with the first segments that refer to it."""
        return [
            replace(segment, referenced_by=self._shown_referrers(segment)) for segment in self._state.present(tenants)
        ]

    def _shown_referrers(self, segment: Segment) -> tuple[int, ...]:
        ids = sorted(referrer.id for referrer in self._referrers(segment.tenant_id, (segment.id,)))
        return tuple(ids[:MAX_SHOWN_REFERRERS])
