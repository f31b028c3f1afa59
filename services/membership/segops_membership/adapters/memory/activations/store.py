"""Activations in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from segops_common.core.clock import Clock
from segops_membership.domain.activations.activation import (
    Activation,
    Delivery,
    DeliveryFigures,
    Hold,
    Settings,
    Status,
)
from segops_membership.domain.members.changes import ChangePosition
from segops_membership.ports.activations.store import ActivationStatistics, ActivationTaken


@dataclass(slots=True)
class _Entry:
    activation: Activation
    due_at: datetime
    lease_until: datetime | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    def is_due(self, now: datetime) -> bool:
        one = self.activation
        is_open = one.test_id is not None or (one.status is Status.ACTIVE and one.hold is None)
        return is_open and self.due_at <= now

    def can_be_taken(self, now: datetime) -> bool:
        return self.is_due(now) and (self.lease_until is None or self.lease_until <= now)


class MemoryActivations:
    """See the port `Activations`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[int, _Entry] = {}
        self._last_delivery = 0

    async def add(
        self,
        tenant_id: int,
        segment_id: int,
        connector: str,
        tenant_slug: str,
        settings: Settings,
        at: datetime,
        *,
        limit: int,
    ) -> Activation | None:
        """See the port."""
        if await self.count([tenant_id], segment_id=None) >= limit:
            return None
        activation = Activation(
            tenant_id=tenant_id,
            id=max(self._entries, default=0) + 1,
            segment_id=segment_id,
            connector=connector,
            tenant_slug=tenant_slug,
            settings=settings,
            status=Status.INACTIVE,
            position=None,
            created_at=at,
            updated_at=at,
        )
        self._entries[activation.id] = _Entry(activation, self._clock.now())
        return activation

    async def find(self, tenant_ids: Collection[int], activation_id: int) -> Activation | None:
        """See the port."""
        entry = self._entries.get(activation_id)
        return entry.activation if entry is not None and entry.activation.tenant_id in tenant_ids else None

    async def of_tenants(
        self, tenant_ids: Collection[int], *, segment_id: int | None, after: int, limit: int, offset: int = 0
    ) -> Sequence[Activation]:
        """See the port."""
        matches = [
            entry.activation
            for key, entry in sorted(self._entries.items())
            if key > after
            and entry.activation.tenant_id in tenant_ids
            and segment_id in (None, entry.activation.segment_id)
        ]
        return matches[offset : offset + limit]

    async def count(self, tenant_ids: Collection[int], *, segment_id: int | None) -> int:
        """See the port."""
        return len(await self.of_tenants(tenant_ids, segment_id=segment_id, after=0, limit=len(self._entries)))

    async def change(
        self,
        tenant_id: int,
        activation_id: int,
        settings: Settings,
        status: Status,
        position: ChangePosition | None,
        at: datetime,
    ) -> None:
        """See the port."""
        entry = self._entry(tenant_id, activation_id)
        if entry is None:
            return
        before = entry.activation
        entry.activation = replace(
            before,
            settings=settings,
            status=status,
            position=position,
            sent_size=before.sent_size if before.position == position else None,
            left_out=before.left_out if before.position == position else 0,
            hold=None,
            failures=0,
            failing_since=None,
            last_error=None,
            updated_at=at,
            attempt=before.attempt + 1,
        )
        entry.lease_until, entry.due_at = None, self._clock.now()

    async def remove(self, tenant_id: int, activation_id: int) -> None:
        """See the port."""
        if self._entry(tenant_id, activation_id) is not None:
            del self._entries[activation_id]

    async def hurry(self, tenant_id: int, activation_id: int, test_id: str | None = None) -> None:
        """See the port."""
        entry = self._entry(tenant_id, activation_id)
        if entry is not None:
            entry.due_at = self._clock.now()
            entry.activation = replace(entry.activation, test_id=test_id or entry.activation.test_id)

    async def decide(self, tenant_id: int, activation_id: int, number: int, position: ChangePosition | None) -> bool:
        """See the port."""
        entry = self._entry(tenant_id, activation_id)
        if entry is None or entry.activation.hold is None or entry.activation.hold.number != number:
            return False
        before, hold = entry.activation, entry.activation.hold
        entry.activation = replace(
            before,
            hold=None,
            approved_number=number,
            position=position or before.position,
            sent_size=hold.size if position else before.sent_size,
        )
        entry.due_at = self._clock.now()
        return True

    async def take(self, lease: timedelta, busy_tenants: Collection[int]) -> Activation | None:
        """See the port."""
        now = self._clock.now()
        due = [
            entry
            for entry in self._entries.values()
            if entry.can_be_taken(now) and entry.activation.tenant_id not in busy_tenants
        ]
        if not due:
            return None
        entry = min(due, key=lambda entry: entry.due_at)
        entry.activation = replace(entry.activation, attempt=entry.activation.attempt + 1)
        entry.lease_until = now + lease
        return entry.activation

    async def renew(self, tenant_id: int, activation_id: int, attempt: int, lease: timedelta) -> None:
        """See the port."""
        self._held(tenant_id, activation_id, attempt).lease_until = self._clock.now() + lease

    async def advance(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        position: ChangePosition,
        sent_size: int | None,
        at: datetime | None,
        *,
        left_out: int = 0,
    ) -> None:
        """See the port."""
        before = self._held(tenant_id, activation_id, attempt).activation
        changes = {
            "position": position,
            "sent_size": sent_size,
            "last_synced_at": at or before.last_synced_at,
            "left_out": before.left_out + left_out,
        }
        self._store(tenant_id, activation_id, attempt, failures=0, failing_since=None, last_error=None, **changes)

    async def end_test(self, tenant_id: int, activation_id: int, attempt: int) -> None:
        """See the port."""
        self._store(tenant_id, activation_id, attempt, test_id=None)

    async def fail(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        error: str,
        at: datetime,
        delay: timedelta,
        *,
        disable: bool,
    ) -> None:
        """See the port."""
        before = self._held(tenant_id, activation_id, attempt).activation
        status = Status.DISABLED if disable else before.status
        since = before.failing_since or at
        failures = before.failures + 1
        entry = self._store(
            tenant_id, activation_id, attempt, failures=failures, failing_since=since, last_error=error, status=status
        )
        entry.lease_until, entry.due_at = None, self._clock.now() + delay

    async def hold(self, tenant_id: int, activation_id: int, attempt: int, hold: Hold) -> None:
        """See the port."""
        self._store(tenant_id, activation_id, attempt, hold=hold).lease_until = None

    async def release(self, tenant_id: int, activation_id: int, attempt: int, delay: timedelta) -> None:
        """See the port."""
        entry = self._held(tenant_id, activation_id, attempt)
        entry.lease_until, entry.due_at = None, self._clock.now() + delay

    async def log(self, tenant_id: int, activation_id: int, delivery: Delivery) -> None:
        """See the port."""
        entry = self._entry(tenant_id, activation_id)
        if entry is not None:
            self._last_delivery += 1
            entry.deliveries.insert(0, replace(delivery, id=self._last_delivery))

    async def deliveries(
        self, tenant_id: int, activation_id: int, *, before: int, limit: int, offset: int = 0
    ) -> Sequence[Delivery]:
        """See the port."""
        entry = self._entry(tenant_id, activation_id)
        matches = [] if entry is None else [item for item in entry.deliveries if item.id < before]
        return matches[offset : offset + limit]

    async def figures(self, tenant_id: int, newest: int) -> Mapping[int, DeliveryFigures]:
        """See the port."""
        return {
            entry.activation.id: DeliveryFigures(
                count=len(entry.deliveries),
                succeeded=sum(delivery.is_success for delivery in entry.deliveries),
                newest=tuple(entry.deliveries[:newest]),
            )
            for entry in self._entries.values()
            if entry.activation.tenant_id == tenant_id and entry.deliveries
        }

    async def forget_deliveries(self, before: datetime) -> None:
        """See the port."""
        for entry in self._entries.values():
            entry.deliveries = [item for item in entry.deliveries if item.at >= before]

    def responses_with_ids(self, tenant_id: int) -> Sequence[str]:
        """Return the responses that are kept of requests with user ids."""
        entries = [entry for entry in self._entries.values() if entry.activation.tenant_id == tenant_id]
        every = [item for entry in entries for item in entry.deliveries]
        return [item.response for item in every if item.changes and item.response]

    def cut_responses(self, tenant_id: int) -> None:
        """Remove these responses."""
        for entry in self._entries.values():
            if entry.activation.tenant_id == tenant_id:
                entry.deliveries = [replace(item, response="") if item.changes else item for item in entry.deliveries]

    async def statistics(self) -> ActivationStatistics:
        """See the port."""
        every = [entry.activation for entry in self._entries.values()]
        failing = [one for one in every if one.status is Status.ACTIVE and one.failures]
        now = self._clock.now()
        ages = [(now - one.failing_since).total_seconds() for one in failing if one.failing_since]
        delays = [(now - entry.due_at).total_seconds() for entry in self._entries.values() if entry.is_due(now)]
        return ActivationStatistics(
            failing=len(failing),
            failing_s=max(ages, default=0.0),
            held=sum(one.hold is not None for one in every),
            overdue_s=max(delays, default=0.0),
        )

    def _entry(self, tenant_id: int, activation_id: int) -> _Entry | None:
        entry = self._entries.get(activation_id)
        return entry if entry is not None and entry.activation.tenant_id == tenant_id else None

    def _held(self, tenant_id: int, activation_id: int, attempt: int) -> _Entry:
        entry = self._entry(tenant_id, activation_id)
        if entry is None or entry.activation.attempt != attempt:
            raise ActivationTaken(str(activation_id))
        return entry

    def _store(self, tenant_id: int, activation_id: int, attempt: int, **changes: Any) -> _Entry:
        entry = self._held(tenant_id, activation_id, attempt)
        entry.activation = replace(entry.activation, **changes)
        return entry
