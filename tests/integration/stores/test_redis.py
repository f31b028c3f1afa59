"""The circuit breaker of Redis: an outage costs a few short time-outs, and the breaker closes after it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import FAILURES_TO_OPEN, RedisBreaker, RedisUnavailable
from segops_testkit.clock import ManualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_command_is_answered(redis_url: str) -> None:
    redis = create_redis(redis_url, timeout_s=2)
    assert await RedisBreaker(redis=redis, clock=ManualClock(NOON)).run(lambda r: r.ping())
    await redis.aclose()


async def test_after_five_failures_no_command_runs_for_a_second() -> None:
    clock = ManualClock(NOON)
    calls = 0
    breaker = RedisBreaker(redis=create_redis("redis://127.0.0.1:9/0"), clock=clock)

    async def ping(redis: Redis) -> bool:
        nonlocal calls
        calls += 1
        return bool(await redis.ping())

    for _ in range(FAILURES_TO_OPEN + 3):
        with pytest.raises(RedisUnavailable):
            await breaker.run(ping)
    assert calls == FAILURES_TO_OPEN
    clock.advance(1.1)
    with pytest.raises(RedisUnavailable):
        await breaker.run(ping)
    assert calls == FAILURES_TO_OPEN + 1
