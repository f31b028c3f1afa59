"""Applying the reports of compute workers to runs."""

from __future__ import annotations

from datetime import timedelta

from segops_common.contracts.jobs import ComputeResult
from segops_segments.ports.transactions import Store
from segops_segments.service.run_queue import RunQueue


class ApplyResults:
    """Records how runs proceed and dispatches the runs that waited for them."""

    def __init__(self, *, store: Store, queue: RunQueue, lease: timedelta) -> None:
        self._store = store
        self._queue = queue
        self._lease = lease

    async def apply(self, result: ComputeResult) -> None:
        """Apply one report. Reports may be repeated and come in any order; one about an unknown run is ignored."""
        async with self._store.writing(result.tenant_id) as unit:
            run = await unit.find_run(result.tenant_id, result.run_id)
            if run is None:
                return
            await unit.save_run(result.tenant_id, run, run.apply(result, self._lease))
            await self._queue.release(unit, result.tenant_id, run.segment_ids)
