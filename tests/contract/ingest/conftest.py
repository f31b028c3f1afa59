"""The memory of deliveries, in memory and on the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from segops_common.core.clock import SystemClock
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_ingest.adapters.memory.event_memory import MemoryEventMemory
from segops_ingest.adapters.redis.event_memory import RedisEventMemory
from segops_ingest.ports.event_memory import EventMemory


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = create_redis(redis_url, timeout_s=10)
    yield client
    await client.aclose()


@pytest.fixture
def memory_adapter() -> EventMemory:
    return MemoryEventMemory()


@pytest.fixture
def redis_adapter(redis: Redis) -> EventMemory:
    return RedisEventMemory(redis=RedisBreaker(redis=redis, clock=SystemClock()))


@pytest.fixture(params=["memory", "redis"])
def event_memory(request: pytest.FixtureRequest) -> EventMemory:
    """The memory to test; Redis starts only for tests that use it."""
    adapter: EventMemory = request.getfixturevalue(f"{request.param}_adapter")
    return adapter
