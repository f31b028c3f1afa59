"""Exports and their files in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from segops_common.core.clock import Clock
from segops_membership.domain.members.exports import Export, ExportStatus
from segops_membership.domain.members.sets import MemberSet
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.export_files import OnRows, StoredFile
from segops_membership.ports.members.exports import ExportTaken
from segops_membership.ports.members.sets import MemberSets

_ENDED = (ExportStatus.COMPLETE, ExportStatus.FAILED)


@dataclass(slots=True)
class _Entry:
    export: Export
    lease_until: datetime | None = None
    removed: bool = False


class MemoryExports:
    """See the port `Exports`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    async def add(self, tenant_id: int, export: Export, *, max_open: int) -> bool:
        """See the port."""
        mine = [entry.export for entry in self._entries.values() if entry.export.tenant_id == tenant_id]
        if sum(other.status not in _ENDED for other in mine) >= max_open:
            return False
        self._entries.setdefault(export.id, _Entry(export))
        return True

    async def find(self, tenant_ids: Collection[int], export_id: str) -> Export | None:
        """See the port."""
        entry = self._entries.get(export_id)
        return entry.export if entry and entry.export.tenant_id in tenant_ids else None

    async def of_segment(
        self, tenant_id: int, segment_id: int, *, before: str | None, limit: int, offset: int = 0
    ) -> Sequence[Export]:
        """See the port."""
        exports = [export for export in self._of(tenant_id, segment_id) if before is None or export.id < before]
        return sorted(exports, key=lambda export: export.id, reverse=True)[offset : offset + limit]

    async def count_of_segment(self, tenant_id: int, segment_id: int) -> int:
        """See the port."""
        return len(self._of(tenant_id, segment_id))

    async def take(self, lease: timedelta) -> Export | None:
        """See the port."""
        now = self._clock.now()
        for entry in sorted(self._entries.values(), key=lambda entry: (entry.export.created_at, entry.export.id)):
            is_silent = entry.lease_until is not None and entry.lease_until <= now
            if entry.export.status is ExportStatus.PENDING or is_silent:
                entry.lease_until = now + lease
                entry.export = replace(
                    entry.export, status=ExportStatus.RUNNING, attempts=entry.export.attempts + 1, rows=0
                )
                return entry.export
        return None

    async def renew(self, tenant_id: int, export_id: str, attempt: int, rows: int, lease: timedelta) -> None:
        """See the port."""
        entry = self._held(tenant_id, export_id, attempt)
        entry.export = replace(entry.export, rows=rows)
        entry.lease_until = self._clock.now() + lease

    async def put_back(self, tenant_id: int, export_id: str, attempt: int) -> None:
        """See the port."""
        entry = self._held(tenant_id, export_id, attempt)
        entry.export = replace(entry.export, status=ExportStatus.PENDING)
        entry.lease_until = None

    async def complete(self, tenant_id: int, export_id: str, attempt: int, at: datetime, expires_at: datetime) -> None:
        """See the port."""
        entry = self._held(tenant_id, export_id, attempt)
        entry.export = replace(
            entry.export,
            status=ExportStatus.COMPLETE,
            rows=entry.export.total,
            finished_at=at,
            expires_at=expires_at,
        )
        entry.lease_until = None

    async def fail(
        self, tenant_id: int, export_id: str, attempt: int, problem: str, at: datetime, expires_at: datetime
    ) -> None:
        """See the port."""
        entry = self._held(tenant_id, export_id, attempt)
        entry.export = replace(
            entry.export, status=ExportStatus.FAILED, problem=problem, finished_at=at, expires_at=expires_at
        )
        entry.lease_until = None

    async def with_files(self, tenant_id: int) -> Sequence[Export]:
        """See the port."""
        entries = [entry for entry in self._entries.values() if entry.export.tenant_id == tenant_id]
        complete = [e.export for e in entries if e.export.status is ExportStatus.COMPLETE and not e.removed]
        return sorted(complete, key=lambda export: (export.created_at, export.id))

    async def count_open(self, tenant_id: int) -> int:
        """See the port."""
        mine = [entry.export for entry in self._entries.values() if entry.export.tenant_id == tenant_id]
        return sum(export.status not in _ENDED for export in mine)

    async def expire(self, tenant_id: int, export_id: str, at: datetime) -> None:
        """See the port."""
        entry = self._entries.get(export_id)
        if entry and entry.export.tenant_id == tenant_id and entry.export.status is ExportStatus.COMPLETE:
            entry.export = replace(entry.export, expires_at=min(entry.export.expires_at or at, at))

    async def expired(self, now: datetime, limit: int) -> Sequence[Export]:
        """See the port."""
        entries = [entry for entry in self._entries.values() if _has_expired(entry, now) and not entry.removed]
        return sorted((entry.export for entry in entries), key=lambda export: (export.expires_at, export.id))[:limit]

    async def mark_removed(self, tenant_id: int, export_id: str) -> None:
        """See the port."""
        entry = self._entries.get(export_id)
        if entry and entry.export.tenant_id == tenant_id:
            entry.removed = True

    async def forget(self, expired_before: datetime) -> None:
        """See the port."""
        self._entries = {
            export_id: entry
            for export_id, entry in self._entries.items()
            if not (entry.removed and _has_expired(entry, expired_before))
        }

    def _of(self, tenant_id: int, segment_id: int) -> Sequence[Export]:
        exports = [entry.export for entry in self._entries.values()]
        return [export for export in exports if (export.tenant_id, export.segment_id) == (tenant_id, segment_id)]

    def _held(self, tenant_id: int, export_id: str, attempt: int) -> _Entry:
        entry = self._entries.get(export_id)
        if entry is None or (entry.export.tenant_id, entry.export.attempts) != (tenant_id, attempt):
            raise ExportTaken(export_id)
        if entry.export.status is not ExportStatus.RUNNING:
            raise ExportTaken(export_id)
        return entry


class MemoryExportFiles:
    """See the port `ExportFiles`. Unless it is `reachable`, calls raise EngineUnavailable."""

    def __init__(self, *, sets: MemberSets) -> None:
        self._sets = sets
        self.reachable = True
        self.files: dict[str, bytes] = {}

    async def write(self, tenant_id: int, export: Export, members: MemberSet, on_rows: OnRows) -> None:
        """See the port."""
        self._check()
        content = b""
        chunks = self._sets.stream(tenant_id, export.segment_id, members, export.member_format)
        async with aclosing(chunks):
            async for chunk in chunks:
                content += chunk
        on_rows(members.size)
        self.files[export.file_name] = content

    async def open(self, tenant_id: int, export: Export) -> StoredFile | None:  # noqa: ARG002 ids are unique
        """See the port."""
        self._check()
        content = self.files.get(export.file_name)
        return None if content is None else StoredFile(len(content), _one_chunk(content))

    async def remove(self, tenant_id: int, export: Export) -> None:  # noqa: ARG002 ids are unique
        """See the port."""
        self._check()
        self.files.pop(export.file_name, None)

    def _check(self) -> None:
        if not self.reachable:
            raise EngineUnavailable("the files cannot be reached")


def _has_expired(entry: _Entry, now: datetime) -> bool:
    return entry.export.expires_at is not None and entry.export.expires_at <= now


async def _one_chunk(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
