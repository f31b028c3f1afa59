"""What a breaker of Redis reports: each command that failed or was skipped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from segops_common.stores.redis import close_redis, create_redis
from segops_common.stores.redis_breaker import FAILURES_TO_OPEN, RedisBreaker, RedisUnavailable
from segops_testkit.clock import ManualClock

NOWHERE = "redis://127.0.0.1:1/0"


async def test_failures_and_skipped_commands_are_reported() -> None:
    redis, commands, failures = create_redis(NOWHERE), list[int](), list[int]()
    breaker = RedisBreaker(
        redis=redis, clock=ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), on_failure=lambda: failures.append(1)
    )

    async def ping(redis: Redis) -> object:
        commands.append(1)
        return await redis.get("key")

    for _ in range(FAILURES_TO_OPEN + 3):
        with pytest.raises(RedisUnavailable):
            await breaker.run(ping)
    await close_redis(redis)
    assert (len(commands), len(failures)) == (FAILURES_TO_OPEN, FAILURES_TO_OPEN + 3)
