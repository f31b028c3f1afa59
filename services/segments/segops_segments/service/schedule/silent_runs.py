"""Dispatching silent runs again, or giving them up."""

from __future__ import annotations

from segops_common.core.clock import Clock
from segops_segments.domain.run import MAX_ATTEMPTS, Run
from segops_segments.ports.transactions import Store, WriteUnit
from segops_segments.service.run_queue import RunQueue


class ReviveSilentRuns:
    """Finds runs from which no worker sent a sign of life within their lease."""

    def __init__(self, *, store: Store, clock: Clock, queue: RunQueue) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue

    async def revive(self, limit: int = 100) -> int:
        """Dispatch silent runs again, or fail them after MAX_ATTEMPTS attempts; return how many were silent."""
        silent = await self._store.silent_runs(self._clock.now(), limit)
        for tenant_id, run_id in silent:
            async with self._store.writing(tenant_id) as unit:
                run = await unit.find_run(tenant_id, run_id)
                # A report may have come since.
                if run is not None and run.is_silent(self._clock.now()):
                    await self._revive(unit, run)
        return len(silent)

    async def _revive(self, unit: WriteUnit, run: Run) -> None:
        if run.attempts < MAX_ATTEMPTS:
            await self._queue.dispatch(unit, run)
            return
        await unit.save_run(run.tenant_id, run, run.give_up(self._clock.now()))
        await self._queue.release(unit, run.tenant_id, run.segment_ids)
