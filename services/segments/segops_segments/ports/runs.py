"""Storing and reading runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_common.contracts.http import OpenRuns
from segops_segments.domain.run import Run, RunPart, RunRequest
from segops_segments.domain.serving_status import ComputeState


class RunReader(Protocol):
    """Reads runs, whole or as they concern one segment."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        """Return the run with all its parts."""
        ...

    async def list_runs(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[RunPart]:
        """Return the segment's parts of runs with an id less than `before`, newest first. `offset` skips so many."""
        ...

    async def run_count(self, tenant_id: int, segment_id: int) -> int:
        """Return the number of the segment's runs."""
        ...

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        """Return the segment's part of the newest run that published members."""
        ...

    async def compute_states(
        self, tenants: Collection[int], segment_ids: Collection[int]
    ) -> Mapping[int, ComputeState]:
        """Return the state of each of these segments that belongs to the tenants and is not a draft."""
        ...

    async def open_runs(self, tenant_id: int) -> OpenRuns:
        """Return how many runs of the tenant have not ended. A run runs when one of its parts does."""
        ...

    async def settled_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        """Return the segment's part of the newest run that succeeded or failed and whose instant is not fixed."""
        ...


class RunWriter(RunReader, Protocol):
    """Reads and stores runs."""

    async def add_run(self, tenant_id: int, request: RunRequest, versions: Mapping[int, int]) -> Run:
        """Store a queued run that is not dispatched yet; its id is greater than that of every earlier run of the tenant.

        `versions` maps each segment to the number of the version to evaluate.
        """
        ...

    async def save_run(self, tenant_id: int, before: Run, after: Run) -> None:
        """Store the parts of `after` that differ from `before`, which is the run as it was read."""
        ...

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        """Return whole runs that are queued for any of these segments and whose instant is not fixed, ascending by id.

        A segment has at most one such run that is dispatched, and at most one that waits behind it.
        """
        ...
