"""Limits counted in Redis, for all processes together; in this process alone while Redis is away, never not at all."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from redis.asyncio import Redis

from segops_auth.domain.rate_limit import Decision, Limit, consume, whole_seconds
from segops_common.core.clock import Clock
from segops_common.core.problems import RateLimited
from segops_common.stores.redis import RedisBreaker, RedisUnavailable

MAX_LOCAL_NAMES: Final = 10_000
_KEY: Final = "segops:auth:limit"

# As domain/gcra.py, in microseconds of the server's clock; answers the microseconds to wait, 0 when it was counted.
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
    """Counts by the name of the limit and the one who acts."""

    def __init__(self, *, redis: RedisBreaker, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._local: OrderedDict[str, float] = OrderedDict()

    async def consume(self, limit: Limit, who: str) -> None:
        key = _key(limit, who)
        try:
            wait_s = await self._consume_in_redis(limit, key)
        except RedisUnavailable:
            wait_s = self._consume_here(limit, key).wait_s
        if wait_s > 0:
            raise _limited(limit, whole_seconds(wait_s))

    async def refund(self, limit: Limit, who: str) -> None:
        key = _key(limit, who)
        if key in self._local:
            self._local[key] -= limit.interval_s
        try:
            await self._redis.run(lambda redis: _evaluate(redis, _REFUND, key, _micros(limit.interval_s)))
        except RedisUnavailable:
            return

    async def _consume_in_redis(self, limit: Limit, key: str) -> float:
        arguments = (_micros(limit.interval_s), _micros(limit.period_s))
        return await self._redis.run(lambda redis: _evaluate(redis, _CONSUME, key, *arguments)) / 1e6

    def _consume_here(self, limit: Limit, key: str) -> Decision:
        decision = consume(limit, self._local.get(key), self._clock.monotonic())
        self._local[key] = decision.next_s
        self._local.move_to_end(key)
        while len(self._local) > MAX_LOCAL_NAMES:
            self._local.popitem(last=False)
        return decision


def _key(limit: Limit, who: str) -> str:
    # Who tried to sign in is nobody's business who can read Redis.
    return f"{_KEY}:{limit.name}:{hashlib.sha256(who.encode()).hexdigest()}"


async def _evaluate(redis: Redis, script: str, key: str, *arguments: int) -> int:
    return int(await redis.eval(script, 1, key, *map(str, arguments)))


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _limited(limit: Limit, wait_s: int) -> RateLimited:
    return RateLimited(
        f"Too many attempts; try again in {wait_s} s.",
        retry_after_s=wait_s,
        headers={
            "RateLimit-Policy": f'"{limit.name}";q={limit.quota};w={limit.period_s}',
            "RateLimit": f'"{limit.name}";r=0;t={wait_s}',
        },
    )
