"""Cache invalidation, in Redis and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from segops_auth.adapters.memory.cache_invalidation import MemoryCacheInvalidation
from segops_auth.adapters.redis.cache_invalidation import RedisCacheInvalidation
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_common.contracts.http import AUTH_INVALIDATION_CHANNEL
from segops_common.core.clock import SystemClock
from segops_common.stores.redis_breaker import RedisBreaker

TIMEOUT_S = 20.0
# Ids that no other test uses: the channel is shared.
FIRST, SECOND = 2**62 + 1, 2**62 + 2


@dataclass(frozen=True, slots=True)
class InvalidationHarness:
    """A publisher, and the next message that a service receives about FIRST or SECOND."""

    cache_invalidation: CacheInvalidation
    next_message: Callable[[], Awaitable[str]]


@pytest.fixture
def memory_harness() -> InvalidationHarness:
    memory = MemoryCacheInvalidation()

    async def next_message() -> str:
        return memory.messages.pop(0)

    return InvalidationHarness(memory, next_message)


@pytest.fixture
async def redis_harness(redis: Redis) -> AsyncIterator[InvalidationHarness]:
    breaker = RedisBreaker(redis=redis, clock=SystemClock())
    async with redis.pubsub() as channel:
        await channel.subscribe(AUTH_INVALIDATION_CHANNEL)
        await channel.get_message(timeout=TIMEOUT_S)

        async def next_message() -> str:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    message = await channel.get_message(timeout=TIMEOUT_S)
                    text = "" if message is None else bytes(message["data"]).decode()
                    if text.endswith((str(FIRST), str(SECOND))):
                        return text

        yield InvalidationHarness(RedisCacheInvalidation(redis=breaker), next_message)


@pytest.fixture(params=["memory", "redis"])
def harness(request: pytest.FixtureRequest) -> InvalidationHarness:
    harness: InvalidationHarness = request.getfixturevalue(f"{request.param}_harness")
    return harness


async def test_changes_arrive_in_order_and_name_what_changed(harness: InvalidationHarness) -> None:
    await harness.cache_invalidation.key_changed(FIRST)
    await harness.cache_invalidation.user_changed(FIRST)
    await harness.cache_invalidation.tenant_changed(FIRST)
    await harness.cache_invalidation.key_changed(SECOND)
    messages = [await harness.next_message() for _ in range(4)]
    assert messages == [f"key:{FIRST}", f"user:{FIRST}", f"tenant:{FIRST}", f"key:{SECOND}"]


async def test_each_change_is_published(harness: InvalidationHarness) -> None:
    for _ in range(2):
        await harness.cache_invalidation.user_changed(SECOND)
    assert [await harness.next_message() for _ in range(2)] == [f"user:{SECOND}"] * 2
