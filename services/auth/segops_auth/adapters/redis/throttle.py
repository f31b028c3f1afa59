"""Rate limits in Redis, shared by all processes. While Redis is down, each process counts on its own."""

from __future__ import annotations

import hashlib
from typing import Final

from redis.asyncio import Redis

from segops_auth.adapters.memory.throttle import MemoryThrottle
from segops_auth.domain.rate_limit import Limit, rate_limited
from segops_common.core.clock import Clock
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable

# As `domain/rate_limit.py`, in microseconds of the server's clock. Returns the microseconds to wait, 0 if counted.
_CONSUME: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local next = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = next + interval - now - period
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', next + interval), 'PX', math.ceil((next + interval - now) / 1000))
return 0
"""
_REFUND: Final = """
local next = redis.call('GET', KEYS[1])
if next then redis.call('SET', KEYS[1], string.format('%.0f', next - tonumber(ARGV[1])), 'KEEPTTL') end
return 0
"""


class RedisThrottle:
    """Counts attempts in Redis, or in memory while Redis is down, so that the limits always hold."""

    def __init__(self, *, redis: RedisBreaker, clock: Clock) -> None:
        self._redis = redis
        self._fallback = MemoryThrottle(clock=clock)

    async def consume(self, limit: Limit, subject: str) -> None:
        arguments = (_micros(limit.interval_s), _micros(limit.period_s))
        try:
            wait_s = (
                await self._redis.run(lambda redis: _evaluate(redis, _CONSUME, redis_key(limit, subject), *arguments))
                / 1e6
            )
        except RedisUnavailable:
            await self._fallback.consume(limit, subject)
            return
        if wait_s > 0:
            raise rate_limited(limit, wait_s)

    async def refund(self, limit: Limit, subject: str) -> None:
        # Redis may have gone or come back since the attempt was counted, so both forget it.
        await self._fallback.refund(limit, subject)
        try:
            await self._redis.run(
                lambda redis: _evaluate(redis, _REFUND, redis_key(limit, subject), _micros(limit.interval_s))
            )
        except RedisUnavailable:
            return


def redis_key(limit: Limit, subject: str) -> str:
    """Return the key that counts the subject's attempts. The subject is hashed: Redis must not hold e-mail addresses."""
    return f"segops:auth:limit:{limit.name}:{hashlib.sha256(subject.encode()).hexdigest()}"


async def _evaluate(redis: Redis, script: str, key: str, *arguments: int) -> int:
    return int(await redis.eval(script, 1, key, *map(str, arguments)))


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
