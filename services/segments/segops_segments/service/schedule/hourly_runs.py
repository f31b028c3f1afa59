"""Requesting the runs of hourly segments."""

from __future__ import annotations

from typing import Final

from segops_common.core.clock import Clock
from segops_segments.domain.hourly import DUE_AFTER, JOINS_AFTER
from segops_segments.domain.references import MAX_SEGMENTS_OF_A_RUN
from segops_segments.ports.transactions import Store
from segops_segments.service.run_queue import RunQueue

SCHEDULE: Final = "schedule"
"""The `requested_by` of hourly runs."""


class RequestHourlyRuns:
    """Requests runs of segments that are due by `domain.hourly`."""

    def __init__(
        self, *, store: Store, clock: Clock, queue: RunQueue, segments_at_once: int = MAX_SEGMENTS_OF_A_RUN
    ) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue
        self._segments_at_once = segments_at_once

    async def request_due(self, limit: int = 100) -> int:
        """Request runs for up to `limit` tenants and return how many segments they are of.

        What is due is read again under the tenant's lock, so several processes request each run once.
        """
        now = self._clock.now()
        requested = 0
        for tenant_id in await self._store.due_tenants(now - DUE_AFTER, limit):
            async with self._store.writing(tenant_id) as unit:
                segments = await unit.due_segments(tenant_id, now - JOINS_AFTER, self._segments_at_once)
                parts = await self._queue.request(unit, tenant_id, segments, self._queue.request_now(SCHEDULE))
                requested += len(parts)
        return requested
