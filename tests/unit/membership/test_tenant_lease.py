"""Leases of tenants as a worker holds them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken
from segops_membership.service.tenant_lease import LeaseHolder
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW

TENANT = 1
TTL = timedelta(seconds=30)


class FlakyLeases(MemoryTenantLeases):
    """Leases whose renewals fail while the store does not answer."""

    reachable = True

    async def renew(self, tenant_id: int, fence: int, ttl: timedelta) -> None:
        if not self.reachable:
            raise EngineUnavailable("down")
        await super().renew(tenant_id, fence, ttl)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def leases(clock: ManualClock) -> FlakyLeases:
    return FlakyLeases(clock=clock)


@pytest.fixture
def holder(leases: FlakyLeases, clock: ManualClock) -> LeaseHolder:
    return LeaseHolder(leases=leases, holder="test", ttl=TTL, clock=clock)


async def pass_time(clock: ManualClock, seconds: float) -> None:
    """Let the renewal run each third of the lease's time."""
    for _ in range(round(seconds / (TTL.total_seconds() / 3))):
        while not clock.sleepers:
            await asyncio.sleep(0)
        clock.advance(TTL.total_seconds() / 3)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_lease_makes_the_attempts_under_it(holder: LeaseHolder) -> None:
    async with holder.hold(TENANT) as lease:
        assert lease.attempt(7) == Attempt(7, lease.fence)


async def test_a_lease_is_renewed_while_it_is_held(
    holder: LeaseHolder, leases: FlakyLeases, clock: ManualClock
) -> None:
    async with holder.hold(TENANT) as lease:
        await pass_time(clock, 10 * TTL.total_seconds())
        lease.check()
        with pytest.raises(LeaseTaken):
            await leases.acquire(TENANT, "another", TTL)


async def test_a_lease_is_released_at_the_end_of_the_block(holder: LeaseHolder, leases: FlakyLeases) -> None:
    with pytest.raises(RuntimeError):
        async with holder.hold(TENANT):
            raise RuntimeError
    await leases.acquire(TENANT, "another", TTL)


async def test_a_process_that_was_frozen_notices_that_its_lease_has_expired(
    holder: LeaseHolder, clock: ManualClock
) -> None:
    async with holder.hold(TENANT) as lease:
        clock.advance(TTL.total_seconds())
        with pytest.raises(LeaseLost):
            lease.check()


async def test_a_lease_that_another_has_taken_is_lost_for_good(
    holder: LeaseHolder, leases: FlakyLeases, clock: ManualClock
) -> None:
    async with holder.hold(TENANT) as lease:
        await leases.release(TENANT, lease.fence)
        fence = await leases.acquire(TENANT, "another", TTL)
        await pass_time(clock, TTL.total_seconds() / 3)
        with pytest.raises(LeaseLost):
            lease.check()
    # The lease of the other is not released.
    await leases.renew(TENANT, fence, TTL)


async def test_a_lease_outlasts_a_short_outage_of_the_store(
    holder: LeaseHolder, leases: FlakyLeases, clock: ManualClock
) -> None:
    async with holder.hold(TENANT) as lease:
        leases.reachable = False
        await pass_time(clock, TTL.total_seconds() / 3)
        lease.check()
        leases.reachable = True
        await pass_time(clock, TTL.total_seconds())
        lease.check()


async def test_a_lease_that_cannot_be_renewed_expires(
    holder: LeaseHolder, leases: FlakyLeases, clock: ManualClock
) -> None:
    async with holder.hold(TENANT) as lease:
        leases.reachable = False
        await pass_time(clock, TTL.total_seconds())
        with pytest.raises(LeaseLost):
            lease.check()
        leases.reachable = True


async def test_a_lease_is_waited_for_as_long_as_the_caller_wants(
    holder: LeaseHolder, leases: FlakyLeases, clock: ManualClock
) -> None:
    await leases.acquire(TENANT, "another", TTL)

    async def hold() -> None:
        async with holder.hold(TENANT, wait=timedelta(seconds=2)):
            pass

    waiting = asyncio.create_task(hold())
    while not clock.sleepers:
        await asyncio.sleep(0)
    clock.advance(3)
    with pytest.raises(LeaseTaken):
        await waiting
