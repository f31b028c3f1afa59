"""Runs in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_common.contracts.http import OpenRuns
from segops_segments.adapters.memory.state import MemorySession
from segops_segments.domain.run import Run, RunPart, RunRequest
from segops_segments.domain.serving_status import ComputeState


class MemoryRuns(MemorySession):
    """See the port `RunWriter`."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        run = self._state.runs.get(run_id)
        return run if run is not None and run.tenant_id == tenant_id else None

    async def list_runs(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[RunPart]:
        parts = [part for part in self._parts(tenant_id, segment_id) if part.run_id < before]
        return parts[::-1][offset:][:limit]

    async def run_count(self, tenant_id: int, segment_id: int) -> int:
        return len(self._parts(tenant_id, segment_id))

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        parts = self._parts(tenant_id, segment_id)[::-1]
        return next((part for part in parts if part.outcome is not None and part.outcome.published), None)

    async def compute_states(
        self, tenants: Collection[int], segment_ids: Collection[int]
    ) -> Mapping[int, ComputeState]:
        runs = [run for run in self._state.runs.values() if run.tenant_id in tenants]
        keys = {
            (run.tenant_id, part.segment_id) for run in runs for part in run.parts if part.segment_id in segment_ids
        }
        states = {segment_id: await self._compute_state(tenant_id, segment_id) for tenant_id, segment_id in keys}
        return {segment_id: state for segment_id, state in states.items() if state.status != "draft"}

    async def _compute_state(self, tenant_id: int, segment_id: int) -> ComputeState:
        served = await self.served_run(tenant_id, segment_id)
        return ComputeState(
            member_count=0 if served is None or served.outcome is None else served.outcome.size,
            last_computed_at=None if served is None else served.finished_at,
            is_computing=not all(part.is_final for part in self._parts(tenant_id, segment_id)),
        )

    async def open_runs(self, tenant_id: int) -> OpenRuns:
        runs = [run for run in self._state.runs.values() if run.tenant_id == tenant_id]
        states = [{part.state for part in run.parts} for run in runs]
        running = ["running" in of_run for of_run in states]
        is_open = [not of_run.isdisjoint(("queued", "running")) for of_run in states]
        return OpenRuns(queued=sum(is_open) - sum(running), running=sum(running))

    async def settled_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        parts = self._parts(tenant_id, segment_id)[::-1]
        return next((part for part in parts if part.state in ("succeeded", "failed") and not part.fixed), None)

    async def add_run(self, tenant_id: int, request: RunRequest, versions: Mapping[int, int]) -> Run:
        run = Run.queue(next(self._ids), tenant_id, request, versions)
        self._state.runs[run.id] = run
        return run

    async def save_run(self, tenant_id: int, before: Run, after: Run) -> None:
        stored = await self.find_run(tenant_id, after.id)
        if stored is None:
            return
        # As in a table, only the changed rows are written: a value that was read earlier does not undo other changes.
        changed = {part.segment_id: part for part in after.changed_since(before)}
        self._state.runs[after.id] = Run(tuple(changed.get(part.segment_id, part) for part in stored.parts))

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        return [
            run
            for run in self._state.runs.values()
            if run.tenant_id == tenant_id and any(_is_queued(part, segment_ids) for part in run.parts)
        ]

    def _parts(self, tenant_id: int, segment_id: int) -> list[RunPart]:
        """Return the parts of a segment, oldest first."""
        runs = [run for run in self._state.runs.values() if run.tenant_id == tenant_id]
        return [part for run in runs if (part := run.part_of(segment_id)) is not None]


def _is_queued(part: RunPart, segment_ids: Collection[int]) -> bool:
    return part.segment_id in segment_ids and part.state == "queued" and not part.fixed
