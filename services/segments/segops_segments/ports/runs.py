"""Storing and reading runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_segments.domain.run import Run, RunPart, RunRequest


class RunReader(Protocol):
    """Reads runs, whole or as they concern one segment."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        """Return the run with all its parts."""
        ...

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[RunPart]:
        """Return the segment's parts of runs with an id less than `before`, newest first."""
        ...

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        """Return the segment's part of the newest run that published members."""
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
