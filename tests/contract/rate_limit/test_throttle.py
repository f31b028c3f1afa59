"""Rate limits, in Redis and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from segops_common.core.clock import SystemClock
from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import Charge, Limit, MemoryThrottle, Standing, Throttle
from segops_common.stores.rate_limit import RedisThrottle
from segops_common.stores.redis_breaker import RedisBreaker
from segops_testkit.clock import ManualClock

# So long that the time a busy machine takes for a test does not matter.
LIMIT = Limit(name="contract", quota=3, period_s=36_000)
OTHER_LIMIT = Limit(name="contract-other", quota=3, period_s=36_000)


def unique(name: str) -> str:
    return f"{name}-{uuid4()}"


@dataclass(frozen=True, slots=True)
class ThrottleHarness:
    """A throttle, and a way to let time pass for one subject of LIMIT."""

    throttle: Throttle
    advance: Callable[[str, float], Awaitable[None]]


@pytest.fixture
def memory_harness() -> ThrottleHarness:
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))

    async def advance(_subject: str, seconds: float) -> None:
        clock.advance(seconds)

    return ThrottleHarness(MemoryThrottle(clock=clock), advance)


@pytest.fixture
async def redis_harness(redis: Redis) -> ThrottleHarness:
    clock = SystemClock()

    async def advance(subject: str, seconds: float) -> None:
        # Redis has its own clock: moving the stored time back is the same as letting time pass.
        key = throttle.key(LIMIT, subject)
        await redis.set(key, int(await redis.get(key) or 0) - round(seconds * 1e6), keepttl=True)

    throttle = RedisThrottle(redis=RedisBreaker(redis=redis, clock=clock), clock=clock, service="contract")
    return ThrottleHarness(throttle, advance)


@pytest.fixture(params=["memory", "redis"])
def harness(request: pytest.FixtureRequest) -> ThrottleHarness:
    harness: ThrottleHarness = request.getfixturevalue(f"{request.param}_harness")
    return harness


async def is_allowed(throttle: Throttle, limit: Limit, subject: str) -> bool:
    try:
        await throttle.consume(limit, subject)
    except RateLimited:
        return False
    return True


async def test_attempts_beyond_the_quota_are_refused_with_the_time_to_wait(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    for _ in range(LIMIT.quota):
        await harness.throttle.consume(LIMIT, subject)
    with pytest.raises(RateLimited) as refusal:
        await harness.throttle.consume(LIMIT, subject)
    wait_s = int(refusal.value.headers["Retry-After"])
    assert LIMIT.interval_s - 600 < wait_s <= LIMIT.interval_s
    assert refusal.value.headers["RateLimit-Policy"] == f'"contract";q=3;w={LIMIT.period_s}'
    assert refusal.value.headers["RateLimit"] == f'"contract";r=0;t={wait_s}'


async def test_each_subject_and_each_limit_counts_alone(harness: ThrottleHarness) -> None:
    ada, grace = unique("ada"), unique("grace")
    assert [await is_allowed(harness.throttle, LIMIT, ada) for _ in range(4)] == [True, True, True, False]
    assert await is_allowed(harness.throttle, LIMIT, grace)
    assert await is_allowed(harness.throttle, OTHER_LIMIT, ada)


async def test_a_refused_attempt_is_not_counted(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    assert [await is_allowed(harness.throttle, LIMIT, subject) for _ in range(10)] == [True] * 3 + [False] * 7
    await harness.advance(subject, LIMIT.interval_s)
    assert [await is_allowed(harness.throttle, LIMIT, subject) for _ in range(2)] == [True, False]


async def test_after_a_whole_period_the_whole_quota_is_back(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    for _ in range(2):
        assert [await is_allowed(harness.throttle, LIMIT, subject) for _ in range(4)] == [True] * 3 + [False]
        await harness.advance(subject, LIMIT.period_s)


async def test_a_refunded_attempt_can_be_made_again(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    for _ in range(10):
        await harness.throttle.consume(LIMIT, subject)
        await harness.throttle.refund(LIMIT, subject)
    assert [await is_allowed(harness.throttle, LIMIT, subject) for _ in range(4)] == [True] * 3 + [False]


async def test_a_refund_without_an_attempt_has_no_effect(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    await harness.throttle.refund(LIMIT, subject)
    assert [await is_allowed(harness.throttle, LIMIT, subject) for _ in range(4)] == [True] * 3 + [False]


async def test_of_concurrent_attempts_no_more_than_the_quota_pass(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    outcomes = await asyncio.gather(*(is_allowed(harness.throttle, LIMIT, subject) for _ in range(20)))
    assert sum(outcomes) == LIMIT.quota


async def test_a_charge_counts_its_cost_and_says_what_is_left(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    assert await harness.throttle.charge([Charge(LIMIT, subject, 2)]) == [Standing(LIMIT, 1)]
    with pytest.raises(RateLimited):
        await harness.throttle.charge([Charge(LIMIT, subject, 2)])
    assert await harness.throttle.charge([Charge(LIMIT, subject)]) == [Standing(LIMIT, 0)]


async def test_if_one_charge_is_refused_none_is_counted(harness: ThrottleHarness) -> None:
    key, tenant = unique("key"), unique("tenant")
    await harness.throttle.charge([Charge(OTHER_LIMIT, tenant, 2)])
    with pytest.raises(RateLimited) as refusal:
        await harness.throttle.charge([Charge(LIMIT, key, 2), Charge(OTHER_LIMIT, tenant, 2)])
    assert refusal.value.headers["RateLimit-Policy"].startswith('"contract-other"')
    standings = await harness.throttle.charge([Charge(LIMIT, key, 2), Charge(OTHER_LIMIT, tenant)])
    assert [standing.remaining for standing in standings] == [1, 0]


async def test_a_charge_beyond_the_quota_takes_all_of_it_and_can_be_made_again(harness: ThrottleHarness) -> None:
    subject = unique("ada")
    for _ in range(2):
        assert await harness.throttle.charge([Charge(LIMIT, subject, 1_000)]) == [Standing(LIMIT, 0)]
        assert not await is_allowed(harness.throttle, LIMIT, subject)
        await harness.advance(subject, LIMIT.period_s)
