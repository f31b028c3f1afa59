"""The retention of events: what a tenant chooses, what answers say about it, and the removal."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from segops_common.core.clock import Clock
from segops_common.security.principal import Principal
from segops_language import Group, LanguageFault
from segops_language.lint.retention import Retention, retention_warnings
from segops_membership.domain.privacy.retention import TenantRetention
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.privacy.retention import ExpiredEvents, Retentions
from segops_membership.service.privacy.erasures import ErasePeople, unavailable

TENANTS_AT_ONCE: Final = 50
"""Tenants whose events one mutation removes: it costs nearly the same for one and for all of them."""
EVERY: Final = timedelta(days=1)
LEASE: Final = timedelta(hours=1)
RETRY_AFTER: Final = timedelta(minutes=1)


class KeepEvents:
    """The use cases of the routes, and the warnings about conditions that look further back."""

    def __init__(self, *, retentions: Retentions, erase: ErasePeople, clock: Clock) -> None:
        self._retentions = retentions
        self._erase = erase
        self._clock = clock

    async def find(self, tenant_id: int) -> TenantRetention:
        """Return the retention of a tenant. Raises Unavailable."""
        with unavailable():
            return await self._retentions.find(tenant_id)

    async def change(self, tenant_id: int, caller: Principal, retention: Retention) -> TenantRetention:
        """Replace the retention of a tenant, and record that in the audit log. Raises Unavailable."""
        default = "forever" if retention.default_days is None else str(retention.default_days)
        details = {"default_days": default, "event_types": str(len(retention.days))}
        with unavailable():
            await self._erase.audit(tenant_id, caller, "tenant.retention_changed", f"tenant:{tenant_id}", details)
            await self._retentions.store(tenant_id, retention, self._clock.now())
            return await self._retentions.find(tenant_id)

    async def warnings(self, tenant_id: int, definition: Group) -> Sequence[LanguageFault]:
        """Return warnings about conditions that look further back than events are kept; none if that cannot be read now."""
        try:
            retention = (await self._retentions.find(tenant_id)).retention
        except EngineUnavailable:
            return ()
        return retention_warnings(definition, retention, self._clock.now())


class RemoveExpired:
    """Removes events that are older than their retention, once a day. It runs in the role `worker`."""

    def __init__(self, *, retentions: Retentions, events: ExpiredEvents, clock: Clock) -> None:
        self._retentions = retentions
        self._events = events
        self._clock = clock

    async def run_next(self) -> bool:
        """Remove events of some tenants, and return whether there was one that is due. Raises EngineUnavailable."""
        due = await self._retentions.take(TENANTS_AT_ONCE, LEASE)
        if not due:
            return False
        try:
            await self._apply(due)
        except EngineUnavailable:
            await self._apply_each(due)
        return True

    async def _apply_each(self, due: Sequence[TenantRetention]) -> None:
        """Apply retentions one by one, because the warehouse may refuse the rules of one tenant only."""
        failure: EngineUnavailable | None = None
        for one in due:
            try:
                await self._apply([one])
            except EngineUnavailable as error:
                failure = error
                with suppress(EngineUnavailable):
                    await self._retentions.give_back([one], RETRY_AFTER)
        if failure is not None:
            raise failure

    async def _apply(self, due: Sequence[TenantRetention]) -> None:
        now = self._clock.now()
        removed = await self._events.remove(due, now)
        for one in due:
            await self._retentions.mark_applied(one, removed.get(one.tenant_id, {}), now, EVERY)
