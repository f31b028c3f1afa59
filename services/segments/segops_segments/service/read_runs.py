"""Reading runs, and the serving status of a segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segops_common.contracts.http import OpenRuns
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import NotFound
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import Segment
from segops_segments.domain.serving_status import DRAFT, ComputeState, ServingStatus, serving_status
from segops_segments.ports.transactions import Store


class ReadRuns:
    """Reads runs as they concern one segment."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def get(self, tenant_id: int, segment_id: int, run_id: int) -> RunPart:
        """Return a run of the segment. Raises NotFound."""
        async with self._store.reading() as unit:
            run = await unit.find_run(tenant_id, run_id)
        part = None if run is None else run.part_of(segment_id)
        if part is None:
            raise NotFound("The segment has no run with this id.")
        return part

    async def list(self, tenant_id: int, segment_id: int, query: PageQuery) -> Page[RunPart]:
        """Return the segment's runs, newest first. Raises MalformedRequest for a cursor of another list."""
        before = id_position(query, start=LARGEST_ID)
        async with self._store.reading() as unit:
            count = await unit.run_count(tenant_id, segment_id)
            parts = await unit.list_runs(tenant_id, segment_id, before, query.limit + 1, offset=query.offset)
        return page_of(parts, query, lambda part: part.run_id, count=count)

    async def open_runs(self, tenant_id: int) -> OpenRuns:
        """Return how many runs of the tenant wait, and how many have begun."""
        async with self._store.reading() as unit:
            return await unit.open_runs(tenant_id)

    async def compute_states(self, segments: Sequence[Segment]) -> Mapping[int, ComputeState]:
        """Return the state of each of the segments, by its id."""
        async with self._store.reading() as unit:
            states = await unit.compute_states(
                {segment.tenant_id for segment in segments}, [segment.id for segment in segments]
            )
        return {segment.id: states.get(segment.id, DRAFT) for segment in segments}

    async def serving_status(self, segment: Segment) -> ServingStatus:
        """Return which run the segment's members come from, and whether they are stale."""
        async with self._store.reading() as unit:
            served = await unit.served_run(segment.tenant_id, segment.id)
            settled = await unit.settled_run(segment.tenant_id, segment.id)
            read = () if served is None else served.references or ()
            at_most = {**dict.fromkeys(read, LARGEST_ID), segment.id: segment.version}
            newest = await unit.newest_versions(segment.tenant_id, at_most)
        numbers = {segment_id: version.number for segment_id, version in newest.items()}
        return serving_status(served, settled, numbers[segment.id], numbers)
