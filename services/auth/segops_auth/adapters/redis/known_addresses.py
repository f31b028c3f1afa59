"""Known network addresses in Redis, shared by all processes. While Redis is down, each process has its own."""

from __future__ import annotations

import hashlib
from typing import Final

from segops_auth.adapters.memory.known_addresses import MemoryKnownAddresses
from segops_auth.ports.known_addresses import MAX_ADDRESSES, REMEMBERED_FOR
from segops_common.core.clock import Clock
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable

_REMEMBER: Final = """
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0
"""


class RedisKnownAddresses:
    """One sorted set for each account: hashes of addresses, by the time of the last sign-in."""

    def __init__(self, *, redis: RedisBreaker, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._fallback = MemoryKnownAddresses(clock=clock)

    async def remember(self, email: str, address: str) -> None:
        await self._fallback.remember(email, address)
        now_s = self._clock.now().timestamp()
        lifetime_s = int(REMEMBERED_FOR.total_seconds())
        arguments = (str(now_s), _member(email, address), str(MAX_ADDRESSES), str(lifetime_s))
        try:
            await self._redis.run(lambda redis: redis.eval(_REMEMBER, 1, redis_key(email), *arguments))
        except RedisUnavailable:
            return

    async def knows(self, email: str, address: str) -> bool:
        try:
            since_s = await self._redis.run(lambda redis: redis.zscore(redis_key(email), _member(email, address)))
        except RedisUnavailable:
            return await self._fallback.knows(email, address)
        age_s = self._clock.now().timestamp() - (since_s or 0.0)
        return since_s is not None and age_s < REMEMBERED_FOR.total_seconds()


def redis_key(email: str) -> str:
    """Return the key of an account's set. E-mail addresses are hashed: Redis must not hold them."""
    return f"segops:auth:known:{hashlib.sha256(email.encode()).hexdigest()}"


def _member(email: str, address: str) -> str:
    return hashlib.sha256(f"{email}\n{address}".encode()).hexdigest()[:32]
