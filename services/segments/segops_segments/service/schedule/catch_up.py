"""Repeating incomplete runs once the events that they lacked are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_common.streams.log import TopicPartition
from segops_common.streams.sink_progress import SinkProgress
from segops_segments.domain.references import MAX_SEGMENTS_OF_A_RUN
from segops_segments.ports.transactions import Store
from segops_segments.service.run_queue import RunQueue

CATCH_UP: Final = "catch-up"
"""The `requested_by` of repeated runs."""


class RepeatIncompleteRuns:
    """Requests runs of segments that must be repeated by `domain.incomplete`.

    When a tenant with such segments is first seen, its missing events are before the end of the log. Its runs are
    requested when the sink has passed that end. So a sink that stands still causes no further runs.
    """

    def __init__(
        self, *, store: Store, queue: RunQueue, progress: SinkProgress, segments_at_once: int = MAX_SEGMENTS_OF_A_RUN
    ) -> None:
        self._store = store
        self._queue = queue
        self._progress = progress
        self._segments_at_once = segments_at_once
        self._ends: dict[int, Mapping[TopicPartition, int]] = {}

    async def request_due(self, limit: int = 100) -> int:
        """Request runs for up to `limit` tenants and return how many segments they are of. Raises LogUnavailable.

        What must be repeated is read again under the tenant's lock, so several processes request each run once.
        """
        tenants = await self._store.incomplete_tenants(limit)
        new = set(tenants) - self._ends.keys()
        end = await self._progress.ends() if new else {}
        self._ends = {tenant_id: self._ends.get(tenant_id, end) for tenant_id in tenants}
        requested = 0
        for tenant_id in tenants:
            if not await self._progress.missing(self._ends[tenant_id]):
                requested += await self._request(tenant_id)
                del self._ends[tenant_id]
        return requested

    async def _request(self, tenant_id: int) -> int:
        async with self._store.writing(tenant_id) as unit:
            segments = await unit.incomplete_segments(tenant_id, self._segments_at_once)
            return len(await self._queue.request(unit, tenant_id, segments, self._queue.request_now(CATCH_UP)))
