"""Portions of a limit that a process takes in advance."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import Charge, Limit, MemoryThrottle, Standing
from segops_common.stores.rate_limit import ReservingMeter
from segops_testkit.clock import ManualClock

LIMIT = Limit(name="events", quota=10_000, period_s=60)
SMALL = Limit(name="small", quota=3, period_s=60)


class Counting(MemoryThrottle):
    """Counts the round trips, and lets other tasks run during each."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock(datetime(2026, 1, 31, tzinfo=UTC)))
        self.trips = 0

    async def charge(self, charges: Sequence[Charge]) -> Sequence[Standing]:
        self.trips += 1
        await asyncio.sleep(0)
        return await super().charge(charges)


async def allowed(meter: ReservingMeter, *charges: Charge) -> bool:
    try:
        await meter.charge(charges)
    except RateLimited:
        return False
    return True


async def test_a_portion_serves_many_requests_without_a_round_trip() -> None:
    counting = Counting()
    meter = ReservingMeter(counting)
    for _ in range(1_000):
        await meter.charge([Charge(LIMIT, "key")])
    assert counting.trips == 50
    assert await meter.charge([Charge(LIMIT, "key")]) == [Standing(LIMIT, 8_999)]


async def test_no_more_than_the_quota_passes_and_all_of_it_can_be_used() -> None:
    meter = ReservingMeter(Counting())
    outcomes = await asyncio.gather(*(allowed(meter, Charge(LIMIT, "key", 7)) for _ in range(2_000)))
    used = 7 * sum(outcomes)
    assert LIMIT.quota - 20 <= used <= LIMIT.quota


@pytest.mark.parametrize("at_once", [1, 50])
async def test_a_small_quota_is_exact(at_once: int) -> None:
    meter = ReservingMeter(Counting())
    outcomes = [allowed(meter, Charge(SMALL, "key"), Charge(LIMIT, "tenant")) for _ in range(50)]
    passed = 0
    for start in range(0, 50, at_once):
        passed += sum(await asyncio.gather(*outcomes[start : start + at_once]))
    assert passed == SMALL.quota


async def test_subjects_do_not_share_a_portion() -> None:
    meter = ReservingMeter(Counting())
    assert [await allowed(meter, Charge(SMALL, name)) for name in "aaaab"] == [True, True, True, False, True]
