"""Rate limits while Redis is down: each process counts on its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import MAX_SUBJECTS, Limit, MemoryThrottle
from segops_common.stores.rate_limit import RedisThrottle
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_testkit.clock import ManualClock

LIMIT = Limit(name="login-email", quota=3, period_s=60)
# Port 1 is reserved, so nothing listens there.
NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, tzinfo=UTC))


@pytest.fixture
async def throttle(clock: ManualClock) -> AsyncIterator[RedisThrottle]:
    redis = create_redis(NO_REDIS)
    yield RedisThrottle(redis=RedisBreaker(redis=redis, clock=clock), clock=clock, service="test")
    await redis.aclose()


async def test_the_limit_holds_for_each_alone(throttle: RedisThrottle, clock: ManualClock) -> None:
    for _ in range(3):
        await throttle.consume(LIMIT, "ada")
    with pytest.raises(RateLimited) as refused:
        await throttle.consume(LIMIT, "ada")
    assert refused.value.headers == {
        "Retry-After": "20",
        "RateLimit-Policy": '"login-email";q=3;w=60',
        "RateLimit": '"login-email";r=0;t=20',
    }
    await throttle.consume(LIMIT, "grace")
    clock.advance(20)
    await throttle.consume(LIMIT, "ada")


async def test_what_is_given_back_can_be_spent_again(throttle: RedisThrottle) -> None:
    for _ in range(20):
        await throttle.consume(LIMIT, "ada")
        await throttle.refund(LIMIT, "ada")
    await throttle.refund(LIMIT, "grace")


async def test_the_memory_is_bounded(clock: ManualClock) -> None:
    throttle = MemoryThrottle(clock=clock)
    for number in range(MAX_SUBJECTS + 5):
        await throttle.consume(LIMIT, str(number))
    assert len(throttle) == MAX_SUBJECTS
