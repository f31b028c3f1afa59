"""Runs in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_segments.adapters.memory.state import MemorySession
from segops_segments.domain.run import Run, RunPart, RunRequest


class MemoryRuns(MemorySession):
    """See the port `RunWriter`."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        run = self._state.runs.get(run_id)
        return run if run is not None and run.tenant_id == tenant_id else None

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[RunPart]:
        parts = [part for part in self._parts(tenant_id, segment_id) if part.run_id < before]
        return parts[::-1][:limit]

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        parts = self._parts(tenant_id, segment_id)[::-1]
        return next((part for part in parts if part.outcome is not None and part.outcome.published), None)

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
