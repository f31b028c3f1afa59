"""Redis for the contract of rate limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from segops_common.stores.redis import create_redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = create_redis(redis_url, timeout_s=10)
    yield redis
    await redis.aclose()
