"""Reading runs, and the serving status of a segment."""

from __future__ import annotations

from segops_common.core.pagination import Page
from segops_common.core.problems import NotFound
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import Segment
from segops_segments.domain.serving_status import ServingStatus, serving_status
from segops_segments.ports.transactions import Store
from segops_segments.service.paging import NEWEST, page_of, position


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

    async def list(self, tenant_id: int, segment_id: int, *, cursor: str | None, limit: int) -> Page[RunPart]:
        """Return the segment's runs, newest first. Raises MalformedRequest for a cursor of another list."""
        before = position(cursor, start=NEWEST)
        async with self._store.reading() as unit:
            parts = await unit.list_runs(tenant_id, segment_id, before, limit + 1)
        return page_of(parts, limit, [part.run_id for part in parts])

    async def serving_status(self, segment: Segment) -> ServingStatus:
        """Return which run the segment's members come from, and whether they are stale."""
        async with self._store.reading() as unit:
            served = await unit.served_run(segment.tenant_id, segment.id)
            settled = await unit.settled_run(segment.tenant_id, segment.id)
            read = () if served is None else served.references or ()
            at_most = {**dict.fromkeys(read, NEWEST), segment.id: segment.version}
            newest = await unit.newest_versions(segment.tenant_id, at_most)
        numbers = {segment_id: version.number for segment_id, version in newest.items()}
        return serving_status(served, settled, numbers[segment.id], numbers)
