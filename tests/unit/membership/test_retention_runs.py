"""The removal of old events, when the warehouse does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from segops_language.lint.retention import Retention
from segops_membership.adapters.memory.privacy.retention import MemoryExpiredEvents, MemoryRetentions
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.privacy.retention import TenantRetention
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.privacy.retention import EVERY, RETRY_AFTER, RemoveExpired
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW

TENANT, OTHER = 7, 8


class Refusing(MemoryExpiredEvents):
    """Refuses statements about a tenant."""

    refused: int | None = TENANT

    async def remove(self, retentions: Sequence[TenantRetention], now: datetime) -> Mapping[int, Mapping[str, int]]:
        if self.refused in {one.tenant_id for one in retentions}:
            raise EngineUnavailable("too many values")
        return await super().remove(retentions, now)


async def test_what_fails_is_repeated_soon_and_alone() -> None:
    clock = ManualClock(NOW)
    retentions, events = MemoryRetentions(clock=clock), Refusing(warehouse=MemoryWarehouse())
    expired = RemoveExpired(retentions=retentions, events=events, clock=clock)
    for tenant in (TENANT, OTHER):
        await retentions.store(tenant, Retention(30), NOW)
    with pytest.raises(EngineUnavailable):
        await expired.run_next()
    assert (await retentions.find(OTHER)).applied_at == NOW
    assert not await expired.run_next(), "it waits"
    events.refused = None
    clock.advance(RETRY_AFTER.total_seconds())
    assert await expired.run_next()
    assert (await retentions.find(TENANT)).applied_at == NOW + RETRY_AFTER
    clock.advance((EVERY - RETRY_AFTER - timedelta(seconds=1)).total_seconds())
    assert not await expired.run_next()
    clock.advance(1)
    assert await expired.run_next()
