"""Retentions in memory, and removal of old events there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from segops_common.core.clock import Clock
from segops_language.lint.retention import Retention
from segops_language.values.instants import to_ms
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.privacy.retention import TenantRetention


class MemoryRetentions:
    """See the port `Retentions`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._stored: dict[int, tuple[TenantRetention, datetime]] = {}

    async def find(self, tenant_id: int) -> TenantRetention:
        """See the port."""
        return self._stored[tenant_id][0] if tenant_id in self._stored else TenantRetention(tenant_id=tenant_id)

    async def store(self, tenant_id: int, retention: Retention, at: datetime) -> None:
        """See the port."""
        before = await self.find(tenant_id)
        kept = replace(retention, removed=before.retention.removed)
        self._stored[tenant_id] = (replace(before, retention=kept, changed_at=at), self._clock.now())

    async def take(self, limit: int, lease: timedelta) -> Sequence[TenantRetention]:
        """See the port."""
        now = self._clock.now()
        due = sorted((due_at, id) for id, (one, due_at) in self._stored.items() if due_at <= now and one.retention.ends)
        taken = [self._stored[id][0] for _, id in due[:limit]]
        for one in taken:
            self._stored[one.tenant_id] = (one, now + lease)
        return taken

    async def give_back(self, taken: Sequence[TenantRetention], after: timedelta) -> None:
        """See the port."""
        for one in taken:
            stored, due_at = self._stored[one.tenant_id]
            self._stored[one.tenant_id] = (stored, min(due_at, self._clock.now() + after))

    async def mark_applied(
        self, taken: TenantRetention, removed: Mapping[str, int], at: datetime, again_after: timedelta
    ) -> None:
        """See the port."""
        stored = await self.find(taken.tenant_id)
        counts = dict(Counter(stored.retention.removed) + Counter(removed))
        is_same = stored.changed_at == taken.changed_at
        applied = replace(stored, retention=replace(stored.retention, removed=counts), applied_at=at)
        now = self._clock.now()
        self._stored[taken.tenant_id] = (applied, now + again_after if is_same else now)


class MemoryExpiredEvents:
    """See the port `ExpiredEvents`."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse

    async def remove(self, retentions: Sequence[TenantRetention], now: datetime) -> Mapping[int, Mapping[str, int]]:
        """See the port."""
        return {one.tenant_id: self._remove(one, now) for one in retentions}

    def _remove(self, one: TenantRetention, now: datetime) -> Mapping[str, int]:
        removed: Counter[str] = Counter()
        for events in self._warehouse.tenant(one.tenant_id).events.values():
            for key, event in list(events.items()):
                days = one.retention.days_of(event.event_type)
                if days is not None and event.timestamp_ms < to_ms(now - timedelta(days=days)):
                    del events[key]
                    removed[event.event_type] += 1
        return removed
