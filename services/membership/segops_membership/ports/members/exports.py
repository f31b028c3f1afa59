"""Storage of exports, and the queue of those that wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from segops_membership.domain.members.exports import Export


class ExportTaken(Exception):
    """Another worker has taken the export, because this one was silent for too long."""


class Exports(Protocol):
    """Keeps exports. An attempt is the number of times that a worker took an export."""

    async def add(self, tenant_id: int, export: Export, *, max_open: int) -> bool:
        """Store a pending export. Return False, without effect, if the tenant has `max_open` that have not ended."""
        ...

    async def find(self, tenant_ids: Collection[int], export_id: str) -> Export | None:
        """Return the export; None when none of the tenants has it."""
        ...

    async def of_segment(
        self, tenant_id: int, segment_id: int, *, before: str | None, limit: int, offset: int = 0
    ) -> Sequence[Export]:
        """Return at most `limit` exports with an id less than `before`, descending by id, which is by age.

        `offset` skips so many of them.
        """
        ...

    async def count_of_segment(self, tenant_id: int, segment_id: int) -> int:
        """Return the number of exports of the segment."""
        ...

    async def take(self, lease: timedelta) -> Export | None:
        """Take the oldest export of any tenant that waits, or whose worker was silent for longer than its lease."""
        ...

    async def renew(self, tenant_id: int, export_id: str, attempt: int, rows: int, lease: timedelta) -> None:
        """Store how many rows were written, and extend the lease. Raises ExportTaken."""
        ...

    async def put_back(self, tenant_id: int, export_id: str, attempt: int) -> None:
        """Let the next worker take the export. Raises ExportTaken."""
        ...

    async def complete(self, tenant_id: int, export_id: str, attempt: int, at: datetime, expires_at: datetime) -> None:
        """Record that the file is there, with all rows. Raises ExportTaken."""
        ...

    async def fail(
        self, tenant_id: int, export_id: str, attempt: int, problem: str, at: datetime, expires_at: datetime
    ) -> None:
        """Record that there will be no file, and why. Raises ExportTaken."""
        ...

    async def with_files(self, tenant_id: int) -> Sequence[Export]:
        """Return the complete exports of the tenant whose files were not removed, oldest first."""
        ...

    async def count_open(self, tenant_id: int) -> int:
        """Return how many exports of the tenant have not ended."""
        ...

    async def expire(self, tenant_id: int, export_id: str, at: datetime) -> None:
        """Let a complete export expire earlier. Can be repeated."""
        ...

    async def expired(self, now: datetime, limit: int) -> Sequence[Export]:
        """Return ended exports of all tenants that have expired and whose files were not removed, oldest first."""
        ...

    async def mark_removed(self, tenant_id: int, export_id: str) -> None:
        """Record that the file was removed. Can be repeated."""
        ...

    async def forget(self, expired_before: datetime) -> None:
        """Delete exports of all tenants that expired earlier and whose files were removed."""
        ...
