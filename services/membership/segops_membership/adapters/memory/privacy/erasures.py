"""Erasures in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from segops_common.core.clock import Clock
from segops_membership.domain.privacy.erasure import (
    MAX_TOGETHER,
    MAX_USERS,
    Erasure,
    ErasurePhase,
    ErasureStatus,
    extended,
)
from segops_membership.ports.privacy.erasures import ErasureTaken


@dataclass(slots=True)
class _Entry:
    erasure: Erasure
    lease_until: datetime | None = None
    due_at: datetime | None = None


class MemoryErasures:
    """See the port `Erasures`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    async def add(self, tenant_id: int, erasure: Erasure, *, max_open: int) -> bool:
        """See the port."""
        mine = self._of(tenant_id)
        if sum(other.status is not ErasureStatus.COMPLETE for other in mine) >= max_open:
            return False
        self._entries[erasure.id] = _Entry(erasure)
        return True

    async def add_unknown(self, erasure: Erasure) -> None:
        """See the port."""
        if (await self.subjects(erasure.tenant_id)).isdisjoint(erasure.subjects):
            self._entries[erasure.id] = _Entry(erasure)

    async def subjects(self, tenant_id: int) -> Set[str]:
        """See the port."""
        return {subject for erasure in self._of(tenant_id) for subject in erasure.subjects}

    async def mark_suppressed(self, tenant_id: int, erasure_id: str, at: datetime) -> None:
        """See the port."""
        entry = self._entries.get(erasure_id)
        if entry and entry.erasure.tenant_id == tenant_id and entry.erasure.suppressed_at is None:
            entry.erasure = replace(entry.erasure, suppressed_at=at)

    async def find(self, tenant_id: int, erasure_id: str) -> Erasure | None:
        """See the port."""
        entry = self._entries.get(erasure_id)
        return entry.erasure if entry and entry.erasure.tenant_id == tenant_id else None

    async def page(self, tenant_id: int, *, before: str | None, limit: int, offset: int = 0) -> Sequence[Erasure]:
        """See the port."""
        mine = [erasure for erasure in self._of(tenant_id) if before is None or erasure.id < before]
        return sorted(mine, key=lambda erasure: erasure.id, reverse=True)[offset : offset + limit]

    async def count(self, tenant_id: int) -> int:
        """See the port."""
        return len(self._of(tenant_id))

    async def take(self, lease: timedelta) -> Sequence[Erasure]:
        """See the port."""
        now = self._clock.now()
        due = [entry for entry in self._entries.values() if _is_due(entry, now)]
        due.sort(key=lambda entry: (entry.erasure.created_at, entry.erasure.id))
        taken: list[Erasure] = []
        users = 0
        of_tenant = [entry for entry in due if entry.erasure.tenant_id == due[0].erasure.tenant_id]
        for entry in of_tenant[:MAX_TOGETHER]:
            users += len(entry.erasure.subjects)
            if taken and users > MAX_USERS:
                break
            entry.lease_until = now + lease
            attempts = entry.erasure.attempts + 1
            entry.erasure = replace(entry.erasure, status=ErasureStatus.RUNNING, attempts=attempts)
            taken.append(entry.erasure)
        return taken

    async def renew(
        self, tenant_id: int, erasure_id: str, attempt: int, phase: ErasurePhase | None, lease: timedelta
    ) -> None:
        """See the port."""
        entry = self._held(tenant_id, erasure_id, attempt)
        entry.erasure = replace(entry.erasure, phase=phase)
        entry.lease_until = self._clock.now() + lease

    async def save_before(self, tenant_id: int, erasure_id: str, attempt: int, before: Mapping[str, int]) -> None:
        """See the port."""
        entry = self._held(tenant_id, erasure_id, attempt)
        entry.erasure = replace(entry.erasure, before=before)

    async def extend(
        self, erasure: Erasure, user_ids: Sequence[str], subjects: Sequence[str], before: Mapping[str, int] | None
    ) -> Erasure:
        """See the port."""
        entry = self._held(erasure.tenant_id, erasure.id, erasure.attempts)
        entry.erasure = extended(entry.erasure, user_ids, subjects, before)
        return entry.erasure

    async def put_back(self, tenant_id: int, erasure_id: str, attempt: int, delay: timedelta) -> None:
        """See the port."""
        entry = self._held(tenant_id, erasure_id, attempt)
        entry.erasure = replace(entry.erasure, status=ErasureStatus.PENDING)
        entry.lease_until, entry.due_at = None, self._clock.now() + delay

    async def complete(
        self, tenant_id: int, erasure_id: str, attempt: int, after: Mapping[str, int], at: datetime
    ) -> None:
        """See the port."""
        entry = self._held(tenant_id, erasure_id, attempt)
        entry.erasure = replace(
            entry.erasure, status=ErasureStatus.COMPLETE, phase=None, user_ids=(), after=after, finished_at=at
        )
        entry.lease_until = None

    def _of(self, tenant_id: int) -> Sequence[Erasure]:
        return [entry.erasure for entry in self._entries.values() if entry.erasure.tenant_id == tenant_id]

    def _held(self, tenant_id: int, erasure_id: str, attempt: int) -> _Entry:
        entry = self._entries.get(erasure_id)
        if entry is None or (entry.erasure.tenant_id, entry.erasure.attempts) != (tenant_id, attempt):
            raise ErasureTaken(erasure_id)
        if entry.erasure.status is not ErasureStatus.RUNNING:
            raise ErasureTaken(erasure_id)
        return entry


def _is_due(entry: _Entry, now: datetime) -> bool:
    match entry.erasure.status:
        case ErasureStatus.PENDING:
            return entry.due_at is None or entry.due_at <= now
        case ErasureStatus.RUNNING:
            return entry.lease_until is not None and entry.lease_until <= now
        case ErasureStatus.COMPLETE:
            return False
